// SPDX-License-Identifier: Apache-2.0
// Status line and header of a response as bytes.
// Never writes a line break that came from a value, and never a CORS header of its own.
// Pure; any thread.
#pragma once

#include "http/proto/message.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace http {

/// What the connection knows and a handler does not.
struct response_facts {
    std::string_view date;                // IMF-fixdate
    std::string_view request_id;          // sane: it is written as it is
    std::optional<std::uint64_t> length;  // of the body, also for HEAD; absent: it is streamed
    bool keep_alive = true;
    bool http_1_0 = false;
};

/// Appends the head up to and with the empty line. 204 and 304 get no Content-Length; a body that
/// is streamed is announced as chunked, but to HTTP/1.0, which has no chunks, as nothing: there
/// `keep_alive` must be false.
void append_head(std::string& out, response const& answer, response_facts const& facts);

/// "Not Found"; empty for a status without a registered phrase.
std::string_view reason_phrase(int status) noexcept;

/// True if an answer with this status never has a body (RFC 9110 §6.4.1).
constexpr bool is_bodiless(int status) noexcept {
    return status < 200 || status == 204 || status == 304;
}

}  // namespace http
