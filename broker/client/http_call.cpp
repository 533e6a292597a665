// SPDX-License-Identifier: Apache-2.0
// A connection and a parser, joined. Never a proxy, a redirect or a second attempt. One thread.
#include "broker/client/http_call.hpp"

#include "broker/client/json_value.hpp"
#include "broker/client/response_parser.hpp"

#include <fmt/format.h>

namespace broker::client {

std::string request_bytes(endpoint const& to, http_request const& request) {
    auto out = fmt::format("{} {}{} HTTP/1.1\r\nHost: {}\r\nConnection: close\r\n", request.method,
                           to.url.prefix, request.target, to.url.authority);
    if (!to.key.empty()) {
        out += fmt::format("X-API-Key: {}\r\n", to.key);
    }
    for (auto const& [name, value] : request.fields) {
        out += fmt::format("{}: {}\r\n", name, value);
    }
    if (!request.body.empty()) {
        out += "Content-Type: application/json\r\n";
    }
    if (request.method == "POST" || !request.body.empty()) {
        out += fmt::format("Content-Length: {}\r\n", request.body.size());
    }
    return out + "\r\n" + request.body;
}

result<http_response> call(endpoint const& to, http_request const& request, wakers const& also,
                           std::chrono::milliseconds within) {
    auto const until = in(within);
    auto opened = connection::open(to.url, also, until);
    if (!opened) {
        return opened.error();
    }
    if (auto sent = opened->send(request_bytes(to, request), also, until); !sent) {
        return sent.error();
    }
    http_response out;
    response_parser parser{[&out](std::string_view piece) {
        out.body += piece;
    }};
    std::string bytes;
    while (!parser.done()) {
        auto const end = opened->receive(bytes, also, until);
        if (end == connection::received::closed) {
            if (parser.on_end()) {
                break;
            }
            return fail(errc::internal, "the connection ended before the answer");
        }
        if (end != connection::received::bytes) {
            return fail(errc::internal, end == connection::received::timed_out
                                            ? "no answer came in time"
                                            : "interrupted before the answer");
        }
        if (!parser.on_bytes(bytes)) {
            return fail(errc::internal, "the answer is not HTTP");
        }
    }
    out.status = parser.head().status;
    return out;
}

std::string refusal_text(http_response const& refused) {
    auto const problem = parse_json(refused.body);
    auto const detail = problem ? text_of(*problem, "detail") : std::string{};
    auto const title = problem ? text_of(*problem, "title") : std::string{};
    auto const code = problem ? text_of(*problem, "code") : std::string{};
    auto const& said = detail.empty() ? title : detail;
    if (said.empty()) {
        return fmt::format("the server answered with status {}", refused.status);
    }
    return code.empty() ? said : fmt::format("{} ({})", said, code);
}

}  // namespace broker::client
