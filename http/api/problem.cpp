// SPDX-License-Identifier: Apache-2.0
// The table from broker::errc to HTTP. Never has a default: a new code does not compile without its
// row. Pure; any thread.
#include "http/api/problem.hpp"

#include <fmt/format.h>

namespace http::api {
namespace {

using broker::errc;

problem row(int status, std::string_view code, std::string_view title) {
    return {status, code, title, {}, std::nullopt};
}

problem row(int status, std::string_view code, std::string_view title, unsigned retry_after_s) {
    return {status, code, title, {}, retry_after_s};
}

problem table(errc code) {
    switch (code) {
        case errc::invalid_field:
            return row(400, "invalid_field", "A field has a wrong value");
        case errc::unknown_field:
            return row(400, "unknown_field", "A field is not known");
        case errc::invalid_path:
            return row(400, "invalid_path", "The path cannot name a file of a session");
        case errc::limit_too_high:
            return row(400, "limit_too_high", "A limit lies above what the operator allows");
        case errc::unsupported_language:
            return row(400, "unsupported_language", "This language is not served");
        case errc::session_not_found:
            return row(404, "session_not_found", "There is no such session");
        case errc::execution_not_found:
            return row(404, "execution_not_found", "There is no such execution");
        case errc::file_not_found:
            return row(404, "file_not_found", "There is no such file");
        case errc::session_exists:
            return row(409, "session_exists", "The session exists already");
        case errc::execution_expired:
            return row(410, "execution_expired", "The execution is not kept any more");
        case errc::events_expired:
            return row(410, "events_expired", "The events of the execution are not kept any more");
        case errc::already_ended:
            return row(409, "already_ended", "The execution has ended already");
        case errc::no_input_wanted:
            return row(409, "no_input_wanted", "The execution does not wait for input");
        case errc::idempotency_mismatch:
            return row(422, "idempotency_mismatch", "The key was used with another request");
        case errc::precondition_failed:
            return row(412, "precondition_failed", "A precondition does not hold");
        case errc::file_too_large:
            return row(413, "file_too_large", "The file is too large");
        case errc::queue_full:
            return row(429, "queue_full", "The queue of the session is full", 1);
        case errc::too_many_sessions:
            return row(429, "too_many_sessions", "The tenant has too many sessions", 30);
        case errc::no_capacity:
            return row(503, "no_capacity", "No capacity is left", 10);
        case errc::runtime_unavailable:
            return row(503, "runtime_unavailable", "Containers cannot be started", 30);
        case errc::image_unavailable:
            return row(503, "image_unavailable", "The image is not there", 30);
        case errc::draining:
            return row(503, "draining", "The broker is starting or shutting down", 5);
        case errc::workspace_full:
            return row(507, "workspace_full", "The workspace of the session is full");
        case errc::internal:
            return http::describe(refusal::internal, {});
    }
    return http::describe(refusal::internal, {});
}

}  // namespace

problem describe(broker::failure const& what) {
    auto found = table(what.code);
    found.detail = what.code == errc::internal
                       ? "The broker's log has the reason under this answer's X-Request-Id."
                       : what.detail;
    return found;
}

response to_response(broker::failure const& what) {
    auto out = http::to_response(describe(what));
    if (what.code == errc::internal) {
        out.reason = what.detail;
    }
    return out;
}

response method_not_allowed(std::string const& allow) {
    auto out = refuse(refusal::method_not_allowed, fmt::format("Methods here: {}.", allow));
    out.headers.add("Allow", allow);
    return out;
}

response range_not_satisfiable(std::uint64_t size) {
    auto out = refuse(refusal::range_not_satisfiable,
                      fmt::format("The range starts behind the end; there are {} bytes.", size));
    out.headers.add("Content-Range", fmt::format("bytes */{}", size));
    return out;
}

}  // namespace http::api
