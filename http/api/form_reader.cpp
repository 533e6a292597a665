// SPDX-License-Identifier: Apache-2.0
// The loop between body, parser and sink. On the loop.
#include "http/api/form_reader.hpp"

#include "http/api/call.hpp"
#include "http/api/problem.hpp"
#include "http/proto/media_type.hpp"
#include "http/proto/refusal.hpp"

#include <utility>
#include <variant>

namespace http::api {
namespace {

using broker::errc;
using broker::fail;

/// Everything that the parser has to say before it needs more bytes. True at the end of the form.
broker::task<std::variant<bool, response>> drain(multipart_parser& parser, form_sink& sink,
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
                done = co_await sink.on_part(parser.part());
                break;
            case multipart_parser::event::data:
                done = co_await sink.on_data(parser.data());
                break;
            case multipart_parser::event::part_end:
                done = co_await sink.on_part_end();
                break;
        }
        if (!done) {
            co_return to_response(done.error());
        }
    }
}

std::optional<std::string> boundary_in(request const& incoming) {
    auto const* header = incoming.headers.find("Content-Type");
    auto const type = header == nullptr ? std::nullopt : parse_media_type(*header);
    bool const taken = type && type->is("multipart", "form-data") &&
                       incoming.headers.find("Content-Encoding") == nullptr;
    return taken ? boundary_of(*type) : std::nullopt;
}

}  // namespace

broker::task<std::optional<response>> read_form(request const& incoming, std::uint64_t limit,
                                                form_sink& sink) {
    auto const boundary = boundary_in(incoming);
    if (!boundary) {
        co_return refuse(refusal::unsupported_media_type,
                         "send multipart/form-data with a boundary, without Content-Encoding");
    }
    auto* const body = incoming.body;
    if (body == nullptr) {
        co_return to_response(fail(errc::invalid_field, "the form has no parts"));
    }
    body->limit(limit);
    if (auto const announced = body->announced(); announced && *announced > limit) {
        co_return body_refused(body_error::too_large, limit);
    }
    multipart_parser parser(*boundary);
    for (;;) {
        auto const piece = co_await body->next();
        if (!piece) {
            co_return body_refused(piece.error(), limit);
        }
        auto event = multipart_parser::event::need_more;
        bool const complete = piece->empty();
        if (complete) {
            event = parser.finish();
        } else {
            parser.feed(*piece);
            event = parser.next();
        }
        auto told = co_await drain(parser, sink, event);
        if (auto* refused = std::get_if<response>(&told)) {
            co_return std::move(*refused);
        }
        if (complete) {
            co_return std::nullopt;
        }
    }
}

}  // namespace http::api
