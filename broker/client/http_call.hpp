// SPDX-License-Identifier: Apache-2.0
// One request and its whole response, each on a connection of its own.
// Never repeats a request: whether that is safe is known to the caller only. One thread.
#pragma once

#include "broker/client/connection.hpp"

#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace broker::client {

struct endpoint {
    server_url url;
    std::string key;  // visible ASCII; empty: none is sent
};

struct http_request {
    std::string method;
    std::string target;  // as in the API: /v1/...
    std::string body;    // JSON; empty: none
    std::vector<std::pair<std::string, std::string>> fields;
};

struct http_response {
    unsigned status = 0;
    std::string body;
};

/// The request as it is sent, with key, length and `Connection: close`.
std::string request_bytes(endpoint const& to, http_request const& request);

/// The errors are those of the connection; a status is none of them. A signal ends it like an
/// error.
result<http_response> call(endpoint const& to, http_request const& request, wakers const& also,
                           std::chrono::milliseconds within);

/// What a refusal says to a person: the detail of its problem document (RFC 9457), or its status.
std::string refusal_text(http_response const& refused);

}  // namespace broker::client
