// SPDX-License-Identifier: Apache-2.0
// Uploads that go to no workspace: each file of the form becomes a version of its own, all of one
// form under one id, to be named by executions later (LibreChat's /upload and /upload/batch).
// Never keeps some of a form that broke, and never holds a file in memory. On the loop.
#pragma once

#include "broker/service/service.hpp"
#include "http/api/form_reader.hpp"

#include <cstddef>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace http::api {

class stored_form final : public form_sink {
public:
    /// Of one form; the official server takes as many.
    static constexpr std::size_t max_files = 200;

    /// One file of the form, under the name that its client gave it, byte for byte.
    struct file {
        std::string name;
        /// Absent until `keep`, and where `refused` says why.
        std::optional<broker::file_version_id> id;
        std::optional<broker::failure> refused;
    };

    /// `one_bad_fails`: a file that cannot be taken fails the form; else it is told beside the
    /// others.
    /// Files of an agent or a skill, which the form says before them, are the `shared_tenant`'s,
    /// where there is one.
    stored_form(broker::service& service, std::string tenant, std::string shared_tenant,
                bool one_bad_fails);

    broker::task<broker::result<void>> on_part(multipart_part const& part) override;
    broker::task<broker::result<void>> on_data(std::string_view bytes) override;
    broker::task<broker::result<void>> on_part_end() override;

    /// What was read, for good. No file at all: `invalid_field`.
    broker::task<broker::result<void>> keep();

    std::vector<file> const& files() const noexcept { return files_; }
    broker::session_id const& session() const noexcept { return session_; }

private:
    broker::task<broker::result<void>> begin_file(std::string name);

    broker::service& service_;
    broker::file_versions::owner owner_;
    broker::session_id session_;
    std::string shared_tenant_;
    bool one_bad_fails_;
    bool read_only_ = false;
    std::string field_;  // that is being read, if it is one that means something
    std::string value_;
    bool in_file_ = false;
    std::vector<file> files_;
    std::vector<std::size_t> whose_;  // of `files_`, each draft is
    std::vector<std::shared_ptr<broker::file_versions::draft>> drafts_;
    std::shared_ptr<broker::file_versions::draft> writing_;
};

/// The answer of /upload; one file is what LibreChat sends.
std::string render_stored(stored_form const& form);

/// The answer of /upload/batch, with its status.
std::pair<int, std::string> render_batch(stored_form const& form);

}  // namespace http::api
