// SPDX-License-Identifier: Apache-2.0
// What is wrong with a request before any rule of the broker is asked, and the RFC 9457 document
// that tells it. Never carries a path, an address or a key of the host. Pure; any thread.
#pragma once

#include "http/proto/message.hpp"

#include <optional>
#include <string>
#include <string_view>

namespace http {

/// The codes that only HTTP has; those of the broker are `broker::errc`.
enum class refusal {
    bad_request,             // broken HTTP; the connection closes
    invalid_json,            // the body is not the JSON that is wanted here
    unauthorized,            // no key, or none that is known
    invalid_token,           // a bearer token that is wrong, or is not good any more or yet
    not_found,               // no such route
    method_not_allowed,      // the route exists; Allow names its methods
    not_acceptable,          // Accept excludes all that this route has
    request_timeout,         // header or body did not come in time
    body_too_large,          // more bytes than the route takes
    uri_too_long,            // the request line passes its limit
    unsupported_media_type,  // Content-Type or Content-Encoding is not taken here
    range_not_satisfiable,   // Content-Range names the size
    expectation_failed,      // Expect holds something else than 100-continue
    wrong_host,              // Host is not one that is served
    header_too_large,        // the header passes its limits
    internal,                // a fault of ours; the detail is in the log
    not_implemented,         // CONNECT
    too_many_connections,    // the cap on connections is reached
    version_not_supported,   // neither HTTP/1.0 nor HTTP/1.1
};

struct problem {
    int status = 500;
    std::string_view code;   // stable, for programs; a literal
    std::string_view title;  // the same for every occurrence; a literal
    std::string detail;      // what was wrong and what to do
    std::optional<unsigned> retry_after_s;
};

/// The parts of `why` that are the same every time, with this detail.
problem describe(refusal why, std::string detail);

/// The application/problem+json answer, with Retry-After where the problem has one.
response to_response(problem const& what);

/// Both at once.
response refuse(refusal why, std::string detail);

}  // namespace http
