// SPDX-License-Identifier: Apache-2.0
// POST /upload and /upload/batch: multipart/form-data with files, streamed part by part into a
// session's workspace, or to be named by later executions.
// Never holds a file in memory, and names none before all of its bytes are there. On the loop.
#include "broker/base/json_text.hpp"
#include "broker/core/names.hpp"
#include "broker/service/service.hpp"
#include "http/api/api.hpp"
#include "http/api/form_reader.hpp"
#include "http/api/problem.hpp"
#include "http/api/render.hpp"
#include "http/api/stored_form.hpp"

#include <memory>
#include <utility>
#include <vector>

namespace http::api {
namespace {

using broker::errc;
using broker::fail;

/// Of a field that is not a file.
constexpr std::size_t max_field_bytes = 4096;

/// One multipart upload. Fields come before the files that they are about, as browsers and curl
/// send them in order.
class workspace_form final : public form_sink {
public:
    workspace_form(broker::service& service, std::string tenant)
        : service_(service), session_{std::move(tenant), {}} {}

    broker::task<broker::result<void>> on_part(multipart_part const& part) override {
        auto const& name = part.disposition.name;
        in_file_ = is_file_part(part);
        if (!in_file_) {
            co_return begin_field(name);
        }
        if (!part.disposition.file_name || part.disposition.file_name->empty()) {
            co_return fail(errc::invalid_field, name + ": a file needs a file name");
        }
        auto path = broker::workspace_path::from_text(
            folder_.empty() ? *part.disposition.file_name
                            : folder_ + "/" + *part.disposition.file_name);
        if (!path) {
            co_return path.error();
        }
        if (session_.name.empty()) {
            session_.name = broker::make_random_id();
        }
        fixed_ = true;
        auto begun = co_await service_.begin_upload(session_, *std::move(path), {}, call_);
        if (!begun) {
            co_return begun.error();
        }
        upload_ = *std::move(begun);
        co_return broker::result<void>{};
    }

    broker::task<broker::result<void>> on_data(std::string_view bytes) override {
        if (in_file_) {
            co_return co_await service_.write_upload(upload_, std::string(bytes));
        }
        if (field_.empty()) {
            co_return broker::result<void>{};
        }
        if (value_.size() + bytes.size() > max_field_bytes) {
            co_return fail(errc::invalid_field, field_ + ": too long");
        }
        value_.append(bytes);
        co_return broker::result<void>{};
    }

    broker::task<broker::result<void>> on_part_end() override {
        if (!in_file_) {
            co_return take_field();
        }
        auto stored = co_await service_.commit_upload(std::exchange(upload_, nullptr));
        if (!stored) {
            co_return stored.error();
        }
        stored_.push_back(*std::move(stored));
        co_return broker::result<void>{};
    }

    std::vector<broker::stored_file> const& stored() const noexcept { return stored_; }
    std::string const& session_name() const noexcept { return session_.name; }
    broker::session_id const& session() const noexcept { return call_->of->row.id; }

    /// What is left of a form that failed: files in a session that was there before.
    broker::task<> undo() {
        upload_.reset();
        co_await service_.undo_upload(call_);
    }

private:
    /// A field that is not known is read over, whatever its size.
    broker::result<void> begin_field(std::string const& name) {
        field_ = name == "session_id" || name == "path" ? name : "";
        value_.clear();
        if (field_.empty()) {
            return broker::result<void>{};
        }
        if (fixed_) {
            return fail(errc::invalid_field,
                        field_ + ": send it before the files, which are stored as they come");
        }
        if (std::exchange(field_ == "path" ? has_path_ : has_session_, true)) {
            return fail(errc::invalid_field, field_ + ": it is there twice");
        }
        return broker::result<void>{};
    }

    broker::result<void> take_field() {
        if (field_.empty()) {
            return broker::result<void>{};
        }
        if (field_ == "path") {
            while (!value_.empty() && value_.back() == '/') {
                value_.pop_back();
            }
            if (!value_.empty() && !broker::workspace_path::from_text(value_)) {
                return broker::workspace_path::from_text(value_).error();
            }
            folder_ = value_;
            return broker::result<void>{};
        }
        if (auto const named = broker::check_session_name(value_); !named) {
            return named.error();
        }
        session_.name = value_;
        return broker::result<void>{};
    }

    broker::service& service_;
    broker::session_key session_;
    std::string folder_;
    std::string field_;  // that is being read; empty: a file, or one that is not known
    std::string value_;
    bool in_file_ = false;
    bool has_session_ = false;
    bool has_path_ = false;
    bool fixed_ = false;  // a file has begun: session and folder are settled
    std::shared_ptr<broker::upload_call> call_ = std::make_shared<broker::upload_call>();
    std::shared_ptr<broker::session_upload> upload_;
    std::vector<broker::stored_file> stored_;
};

std::string render(workspace_form const& form) {
    std::string text;
    broker::json_object out(text);
    out.string("session_id", form.session_name());
    // For who goes on with LibreChat's calls.
    out.string("message", "success").string("storage_session_id", form.session().str());
    auto& files = out.member("files");
    files += '[';
    for (auto const& file : form.stored()) {
        files += files.back() == '[' ? "" : ",";
        broker::json_object one(files);
        add_file(one, file.info);
        // As LibreChat's clients call the same.
        if (auto const& version = file.info.version) {
            one.string("fileId", version->str()).string("id", version->str());
        }
        one.string("filename", file.info.path).string("name", file.info.path).close();
    }
    files += ']';
    out.close();
    return text;
}

/// A form whose files go where it turns out to mean: LibreChat's say whose the file is, before it.
class any_form final : public form_sink {
public:
    any_form(broker::service& service, call const& here, bool stored)
        : workspace_(service, here.tenant),
          stored_(service, here.tenant, here.shared_tenant, true),
          to_store_(stored) {}

    broker::task<broker::result<void>> on_part(multipart_part const& part) override {
        auto const& name = part.disposition.name;
        if (!is_file_part(part) && workspace_.stored().empty()) {
            to_store_ = to_store_ || name == "kind" || name == "entity_id";
        }
        co_return co_await sink().on_part(part);
    }
    broker::task<broker::result<void>> on_data(std::string_view bytes) override {
        co_return co_await sink().on_data(bytes);
    }
    broker::task<broker::result<void>> on_part_end() override {
        co_return co_await sink().on_part_end();
    }

    bool to_store() const noexcept { return to_store_; }
    workspace_form& workspace() noexcept { return workspace_; }
    stored_form& stored() noexcept { return stored_; }

private:
    form_sink& sink() noexcept { return to_store_ ? static_cast<form_sink&>(stored_) : workspace_; }

    workspace_form workspace_;
    stored_form stored_;
    bool to_store_;
};

}  // namespace

broker::task<response> api::upload(call here) {
    // Under its other base addresses only LibreChat asks.
    bool const theirs = here.incoming.path != "/upload" || is_librechat(here.incoming);
    any_form form(service_, here, theirs);
    auto refused = co_await read_form(here.incoming, settings_.upload_bytes, form);
    if (!refused && form.to_store()) {
        auto const kept = co_await form.stored().keep();
        co_return kept ? json_response(200, render_stored(form.stored()))
                       : to_response(kept.error());
    }
    if (!refused && form.workspace().stored().empty()) {
        refused = to_response(
            fail(errc::invalid_field, "file: the form has no file part named file or files"));
    }
    if (refused) {
        co_await form.workspace().undo();
        co_return std::move(*refused);
    }
    co_return json_response(200, render(form.workspace()));
}

broker::task<response> api::upload_batch(call here) {
    stored_form form(service_, here.tenant, here.shared_tenant, false);
    if (auto refused = co_await read_form(here.incoming, settings_.upload_bytes, form)) {
        co_return std::move(*refused);
    }
    if (auto const kept = co_await form.keep(); !kept) {
        co_return to_response(kept.error());
    }
    auto [status, text] = render_batch(form);
    co_return json_response(status, std::move(text));
}

}  // namespace http::api
