// SPDX-License-Identifier: Apache-2.0
// The limits of the HTTP server, and what it reports. Never holds a policy of the API: those limits
// are set by the route through `body_reader::limit`. Values; copied at start.
#pragma once

#include <chrono>
#include <cstddef>
#include <functional>
#include <string_view>

namespace http {

struct server_settings {
    std::size_t max_connections = 1024;                          // above: 503 and closed
    std::size_t max_request_line_bytes = std::size_t{8} * 1024;  // above: 414
    std::size_t max_header_bytes = std::size_t{16} * 1024;  // request line included; above: 431.
                                                            // 64 KiB are the most, whatever it says
    std::size_t max_header_fields = 100;                    // above: 431
    std::chrono::milliseconds header_time{10'000};  // from its first byte to its last, then 408;
                                                    // also until the first byte of a connection
    std::chrono::milliseconds body_time{30'000};    // without a byte of the body; then 408
    std::chrono::milliseconds write_time{30'000};   // with less than 16 KiB taken by the client
    std::chrono::milliseconds idle_time{75'000};    // between two requests
    std::chrono::milliseconds linger_time{2'000};  // reading on after a refusal, so that it is seen
};

/// Called on the loop; each may be empty. Nothing here holds a header, a body or a key.
struct server_events {
    /// `what` says what failed: accepting, or a handler or a stream that threw (a bug of ours).
    std::function<void(std::string_view what, std::string_view detail)> failed;
    /// The cap on connections is reached: told once, until there was room again.
    std::function<void(std::size_t connections)> full;
    /// A request was answered. `path` is raw, without the query.
    std::function<void(std::string_view method, std::string_view path, int status,
                       std::string_view request_id, std::chrono::microseconds took)>
        answered;
};

}  // namespace http
