// SPDX-License-Identifier: Apache-2.0
// Versions of workspace files as the service makes and gives them out.
// Never tells an id before its version would outlive a loss of power, and never reads a file of a
// workspace but by descriptor. On the loop; copies run on the pool of file calls, and what touches
// the table on a strand of it.
#pragma once

#include "broker/base/async.hpp"
#include "broker/base/time.hpp"
#include "broker/core/file_change.hpp"
#include "broker/core/settings.hpp"
#include "broker/core/workspace_path.hpp"
#include "broker/runtime/workspace_store.hpp"
#include "broker/service/workspace_files.hpp"
#include "broker/store/version_store.hpp"

#include <boost/asio/strand.hpp>

#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace broker {

class file_versions {
public:
    file_versions(version_store& store, boost::asio::thread_pool& pool, settings const& config,
                  clock_source clock)
        : store_(store),
          pool_(pool),
          strand_(boost::asio::make_strand(pool)),
          config_(config),
          clock_(std::move(clock)) {}

    struct owner {
        std::string tenant;
        session_id session;
        std::optional<execution_id> execution;
    };

    /// Keeps what the changes left, and notes its id and digest in each. A file that is gone again,
    /// does not hold still, is larger than its file system or lies too deep for a path gets none,
    /// but the reason. On failure none does.
    task<result<void>> keep(std::shared_ptr<workspace const> in, owner whose,
                            std::vector<file_change>& changes);

    /// Newest first.
    task<result<version_page>> of_path(session_id session, workspace_path path, std::size_t limit,
                                       std::optional<file_version_id> before);

    /// For reading; counts as used. `file_not_found` for what is not the tenant's, or was deleted.
    struct opened_version {
        file_version version;
        opened_file file;
    };
    task<result<opened_version>> open(std::string tenant, file_version_id id);

    /// One of a path that no workspace has. Whoever writes it holds it; it is dropped with the last
    /// holder.
    struct draft {
        std::string path;  // bytes
        bool read_only = false;
        content_draft content;
    };
    task<result<std::shared_ptr<draft>>> begin(std::string path, bool read_only);
    /// `no_capacity` when the broker's disk is full.
    task<result<void>> write(std::shared_ptr<draft> to, std::string bytes);
    /// All or none; `no_capacity` when the tenant has as much as it may have, too. Nothing can be
    /// written to a draft behind this.
    task<result<std::vector<file_version>>> keep(owner whose,
                                                 std::vector<std::shared_ptr<draft>> drafts);

    /// Those of one of the tenants, in the order of ids; nothing in the place of any other, and of
    /// one that says that its file was deleted. Counts as used.
    task<result<std::vector<std::optional<file_version>>>> find(std::vector<std::string> tenants,
                                                                std::vector<file_version_id> ids);

    /// The newest of each path that has one.
    task<result<std::vector<file_version>>> newest(session_id session,
                                                   std::vector<std::string> paths);

    /// What stands at each path of a session, or of an upload that has none.
    task<result<std::vector<file_version>>> of_session(std::vector<std::string> tenants,
                                                       session_id session, std::size_t limit);

    /// That a session was there which may have left no file. Kept as long as a version.
    task<result<void>> note_session(owner whose);
    task<result<bool>> knows_session(std::vector<std::string> tenants, session_id session);

    /// `file_not_found`.
    task<result<void>> remove(std::string tenant, file_version_id id);

    /// For the pool, where a workspace is filled.
    content_store const& contents() const noexcept { return store_.contents(); }

    /// Notes in each file of a listing the version that has its content, if that is the newest.
    task<> note_newest(session_id session, std::vector<file_info>& files);

    /// The session was deleted by its client.
    task<result<void>> forget(session_id session);

    /// The bytes that are free now.
    task<result<std::uint64_t>> prune();

private:
    struct copied;
    static result<copied> copy_changes(workspace const& in, owner const& whose,
                                       std::vector<file_change> const& changes, wall_time now,
                                       content_store const& into);
    static result<copied> finish_drafts(std::vector<std::shared_ptr<draft>> const& drafts,
                                        owner const& whose, wall_time now,
                                        content_store const& into);
    task<result<std::vector<file_version>>> add(copied made);
    version_keep keep_now() const;

    version_store& store_;
    boost::asio::thread_pool& pool_;
    boost::asio::strand<boost::asio::thread_pool::executor_type> strand_;
    settings const& config_;
    clock_source clock_;
};

}  // namespace broker
