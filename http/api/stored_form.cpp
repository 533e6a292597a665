// SPDX-License-Identifier: Apache-2.0
// Parts become drafts, drafts become versions at the end. Fields come before the files, as in
// LibreChat. On the loop.
#include "http/api/stored_form.hpp"

#include "broker/base/json_text.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

namespace http::api {
namespace {

using broker::errc;
using broker::fail;
using broker::json_object;

constexpr std::size_t max_field_bytes = 64;

}  // namespace

stored_form::stored_form(broker::service& service, std::string tenant, std::string shared_tenant,
                         bool one_bad_fails)
    : service_(service),
      session_(broker::session_id::make()),
      shared_tenant_(std::move(shared_tenant)),
      one_bad_fails_(one_bad_fails) {
    owner_ = {std::move(tenant), session_, std::nullopt};
}

broker::task<broker::result<void>> stored_form::on_part(multipart_part const& part) {
    in_file_ = is_file_part(part);
    if (in_file_) {
        co_return co_await begin_file(part.disposition.file_name.value_or(""));
    }
    bool const means_something =
        part.disposition.name == "read_only" || part.disposition.name == "kind";
    field_ = means_something ? part.disposition.name : "";
    value_.clear();
    co_return broker::result<void>{};
}

broker::task<broker::result<void>> stored_form::begin_file(std::string name) {
    writing_.reset();
    broker::result<void> sound;
    if (files_.size() >= max_files) {
        sound = fail(errc::invalid_field, fmt::format("at most {} files in one form", max_files));
    } else if (name.empty()) {
        sound = fail(errc::invalid_field, "a file needs a file name");
    } else if (auto const path = broker::workspace_path::from_text(name); !path) {
        sound = path.error();
    }
    if (!sound && one_bad_fails_) {
        co_return sound;
    }
    files_.push_back({std::move(name), std::nullopt, std::nullopt});
    if (!sound) {
        files_.back().refused = sound.error();
        co_return broker::result<void>{};
    }
    auto begun = co_await service_.stored_files().begin(files_.back().name, read_only_);
    if (!begun) {
        co_return begun.error();
    }
    writing_ = *std::move(begun);
    co_return broker::result<void>{};
}

broker::task<broker::result<void>> stored_form::on_data(std::string_view bytes) {
    if (in_file_) {
        if (writing_) {
            co_return co_await service_.stored_files().write(writing_, std::string(bytes));
        }
    } else if (!field_.empty() && value_.size() <= max_field_bytes) {
        value_.append(bytes);
    }
    co_return broker::result<void>{};
}

broker::task<broker::result<void>> stored_form::on_part_end() {
    if (!in_file_) {
        if (field_ == "read_only") {
            read_only_ = value_ == "true";
        } else if ((value_ == "agent" || value_ == "skill") && !shared_tenant_.empty()) {
            owner_.tenant = shared_tenant_;
        }
    } else if (writing_) {
        whose_.push_back(files_.size() - 1);
        drafts_.push_back(std::exchange(writing_, nullptr));
    }
    co_return broker::result<void>{};
}

broker::task<broker::result<void>> stored_form::keep() {
    if (files_.empty()) {
        co_return fail(errc::invalid_field, "file: the form has no file part named file or files");
    }
    auto const kept = co_await service_.stored_files().keep(owner_, std::exchange(drafts_, {}));
    if (!kept) {
        co_return kept.error();
    }
    for (std::size_t i = 0; i < kept->size(); ++i) {
        files_[whose_[i]].id = (*kept)[i].id;
    }
    co_return broker::result<void>{};
}

namespace {

void append_stored(std::string& text, stored_form::file const& one) {
    auto const id = one.id ? one.id->str() : "";
    json_object out(text);
    out.string("fileId", id).string("filename", one.name);
    out.string("id", id).string("name", one.name);
    out.close();
}

void add_session(json_object& out, stored_form const& form) {
    out.string("storage_session_id", form.session().str());
    out.string("session_id", form.session().str());
}

}  // namespace

std::string render_stored(stored_form const& form) {
    std::string text;
    json_object out(text);
    out.string("message", "success");
    add_session(out, form);
    auto& files = out.member("files");
    files += '[';
    for (auto const& one : form.files()) {
        files += files.back() == '[' ? "" : ",";
        append_stored(files, one);
    }
    files += ']';
    out.close();
    return text;
}

std::pair<int, std::string> render_batch(stored_form const& form) {
    auto const& all = form.files();
    auto const failed =
        std::count_if(all.begin(), all.end(), [](auto const& one) { return one.refused; });
    auto const succeeded = static_cast<std::ptrdiff_t>(all.size()) - failed;
    std::string text;
    json_object out(text);
    out.string("message", failed == 0 ? "success" : succeeded == 0 ? "error" : "partial_success");
    add_session(out, form);
    auto& files = out.member("files");
    files += '[';
    for (auto const& one : all) {
        files += files.back() == '[' ? "" : ",";
        json_object entry(files);
        entry.string("status", one.refused ? "error" : "success");
        if (one.refused) {
            entry.string("filename", one.name).string("error", one.refused->detail);
        } else {
            entry.string("fileId", one.id->str()).string("filename", one.name);
        }
        entry.close();
    }
    files += ']';
    out.integer("succeeded", succeeded).integer("failed", failed);
    if (succeeded == 0) {
        out.string("error", all.front().refused->detail);
    }
    out.close();
    return {succeeded == 0 ? 400 : 200, std::move(text)};
}

}  // namespace http::api
