// SPDX-License-Identifier: Apache-2.0
// Text as a JSON string, for the answers that are put together by hand.
// Never writes invalid UTF-8: what is not UTF-8 becomes U+FFFD. Pure; any thread.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace http {

/// Length of the valid UTF-8 sequence at the start of `text` (RFC 3629), 0 if there is none.
std::size_t utf8_sequence(std::string_view text) noexcept;

bool is_utf8(std::string_view text) noexcept;

/// Appends `text` with quotes and escapes.
void append_json_string(std::string& out, std::string_view text);

}  // namespace http
