// SPDX-License-Identifier: Apache-2.0
// The table of refusals and the writer of problem documents (RFC 9457).
// Never writes a field that is empty. Pure; any thread.
#include "http/proto/refusal.hpp"

#include "http/proto/json_text.hpp"

namespace http {
namespace {

problem make(int status, std::string_view code, std::string_view title) {
    return {status, code, title, {}, std::nullopt};
}

problem table(refusal why) {
    switch (why) {
        case refusal::bad_request:
            return make(400, "bad_request", "The request is not valid HTTP");
        case refusal::invalid_json:
            return make(400, "invalid_json", "The body is not valid JSON");
        case refusal::unauthorized:
            return make(401, "unauthorized", "A valid API key is needed");
        case refusal::invalid_token:
            return make(401, "invalid_token", "The token is not accepted");
        case refusal::not_found:
            return make(404, "not_found", "There is nothing here");
        case refusal::method_not_allowed:
            return make(405, "method_not_allowed", "This method does not exist here");
        case refusal::not_acceptable:
            return make(406, "not_acceptable", "The answer cannot take the form that Accept wants");
        case refusal::request_timeout:
            return make(408, "request_timeout", "The request did not arrive in time");
        case refusal::body_too_large:
            return make(413, "body_too_large", "The body is too large");
        case refusal::uri_too_long:
            return make(414, "uri_too_long", "The request line is too long");
        case refusal::unsupported_media_type:
            return make(415, "unsupported_media_type", "This content type is not taken here");
        case refusal::range_not_satisfiable:
            return make(416, "range_not_satisfiable", "The range lies outside the file");
        case refusal::expectation_failed:
            return make(417, "expectation_failed", "The expectation cannot be met");
        case refusal::wrong_host:
            return make(421, "wrong_host", "This host name is not served");
        case refusal::header_too_large:
            return make(431, "header_too_large", "The header is too large");
        case refusal::internal:
            return make(500, "internal", "The broker failed");
        case refusal::not_implemented:
            return make(501, "not_implemented", "This is not an HTTP proxy");
        case refusal::too_many_connections:
            return {503, "too_many_connections", "Too many connections are open", {}, 1};
        case refusal::version_not_supported:
            return make(505, "version_not_supported", "This HTTP version is not spoken here");
    }
    return make(500, "internal", "The broker failed");
}

}  // namespace

problem describe(refusal why, std::string detail) {
    auto what = table(why);
    what.detail = std::move(detail);
    return what;
}

response to_response(problem const& what) {
    std::string body = "{\"type\":\"urn:kernel-broker:problem:";
    body += what.code;
    body += "\",\"title\":";
    append_json_string(body, what.title);
    body += ",\"status\":" + std::to_string(what.status);
    if (!what.detail.empty()) {
        body += ",\"detail\":";
        append_json_string(body, what.detail);
    }
    body += ",\"code\":\"";
    body += what.code;
    body += '"';
    response out;
    out.status = what.status;
    out.headers.add("Content-Type", "application/problem+json");
    if (what.retry_after_s) {
        auto const seconds = std::to_string(*what.retry_after_s);
        body += ",\"retry_after_s\":" + seconds;
        out.headers.add("Retry-After", seconds);
    }
    body += "}";
    out.body = std::move(body);
    return out;
}

response refuse(refusal why, std::string detail) {
    return to_response(describe(why, std::move(detail)));
}

}  // namespace http
