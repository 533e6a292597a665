// SPDX-License-Identifier: Apache-2.0
// POST /upload: multipart/form-data with files, streamed part by part into a session's workspace.
// Never holds a file in memory, and names none before all of its bytes are there. On the loop.
#include "broker/base/json_text.hpp"
#include "broker/core/names.hpp"
#include "broker/service/service.hpp"
#include "http/api/api.hpp"
#include "http/api/problem.hpp"
#include "http/api/render.hpp"
#include "http/proto/media_type.hpp"
#include "http/proto/multipart.hpp"
#include "http/proto/refusal.hpp"

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
class form_upload {
public:
    form_upload(broker::service& service, std::string tenant)
        : service_(service), session_{std::move(tenant), {}} {}

    broker::task<broker::result<void>> on_part(multipart_part const& part) {
        auto const& name = part.disposition.name;
        in_file_ = name == "file" || name == "files";
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

    broker::task<broker::result<void>> on_data(std::string_view bytes) {
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

    broker::task<broker::result<void>> on_part_end() {
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

/// Everything that the parser has to say before it needs more bytes. True at the end of the form.
broker::task<std::variant<bool, response>> drain(multipart_parser& parser, form_upload& form,
                                                 multipart_parser::event first) {
    for (auto event = first;; event = parser.next()) {
        broker::result<void> done;
        switch (event) {
            case multipart_parser::event::need_more:
                co_return false;
            case multipart_parser::event::end:
                co_return true;
            case multipart_parser::event::failed:
                co_return to_response(
                    fail(errc::invalid_field, std::string(describe(parser.error()))));
            case multipart_parser::event::part:
                done = co_await form.on_part(parser.part());
                break;
            case multipart_parser::event::data:
                done = co_await form.on_data(parser.data());
                break;
            case multipart_parser::event::part_end:
                done = co_await form.on_part_end();
                break;
        }
        if (!done) {
            co_return to_response(done.error());
        }
    }
}

std::string render(form_upload const& form) {
    std::string text;
    broker::json_object out(text);
    out.string("session_id", form.session_name());
    auto& files = out.member("files");
    files += '[';
    for (auto const& file : form.stored()) {
        files += files.back() == '[' ? "" : ",";
        files += render_stored_file(file);
    }
    files += ']';
    out.close();
    return text;
}

/// The form to its end; 200, or what is wrong.
broker::task<response> take(form_upload& form, body_reader& body, std::string const& boundary,
                            std::uint64_t limit) {
    multipart_parser parser(boundary);
    for (bool complete = false; !complete;) {
        auto const piece = co_await body.next();
        if (!piece) {
            co_return body_refused(piece.error(), limit);
        }
        auto event = multipart_parser::event::need_more;
        if (piece->empty()) {
            event = parser.finish();
            complete = true;
        } else {
            parser.feed(*piece);
            event = parser.next();
        }
        auto told = co_await drain(parser, form, event);
        if (auto* refused = std::get_if<response>(&told)) {
            co_return std::move(*refused);
        }
    }
    if (form.stored().empty()) {
        co_return to_response(
            fail(errc::invalid_field, "file: the form has no file part named file or files"));
    }
    co_return json_response(200, render(form));
}

}  // namespace

broker::task<response> api::upload(call here) {
    auto const* header = here.incoming.headers.find("Content-Type");
    auto const type = header == nullptr ? std::nullopt : parse_media_type(*header);
    auto const boundary =
        type && type->is("multipart", "form-data") ? boundary_of(*type) : std::nullopt;
    if (!boundary || here.incoming.headers.find("Content-Encoding") != nullptr) {
        co_return refuse(refusal::unsupported_media_type,
                         "send multipart/form-data with a boundary, without Content-Encoding");
    }
    auto* const body = here.incoming.body;
    if (body == nullptr) {
        co_return to_response(fail(errc::invalid_field, "the form has no parts"));
    }
    body->limit(settings_.upload_bytes);
    if (auto const announced = body->announced();
        announced && *announced > settings_.upload_bytes) {
        co_return body_refused(body_error::too_large, settings_.upload_bytes);
    }
    form_upload form(service_, here.tenant);
    auto answer = co_await take(form, *body, *boundary, settings_.upload_bytes);
    if (answer.status != 200) {
        co_await form.undo();
    }
    co_return answer;
}

}  // namespace http::api
