// SPDX-License-Identifier: Apache-2.0
// Server-sent events as text (WHATWG HTML §9.2.6). Never lets a line break of a type or of data end
// an event or begin a field of its own. Pure; any thread.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace http {

/// Appends one event. Data may be anything in UTF-8: each CR, LF or CRLF in it ends a line there,
/// and the client gets LF for it. In `type` control characters become spaces; an empty one is
/// left out, which clients read as "message".
void append_sse_event(std::string& out, std::uint64_t id, std::string_view type,
                      std::string_view data);

/// Appends a line that clients read over and that keeps proxies from closing a quiet stream.
void append_sse_comment(std::string& out);

/// `Last-Event-ID` or a query parameter of that meaning: a whole number from 0, digits only;
/// nothing when it is anything else or does not fit.
std::optional<std::uint64_t> parse_event_id(std::string_view text);

}  // namespace http
