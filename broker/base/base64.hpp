// SPDX-License-Identifier: Apache-2.0
// Base64 as notebooks hold it (RFC 4648, section 4; line ends allowed) becomes bytes.
// Never guesses: text that is not base64 gives nothing. Pure; any thread.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace broker {

/// 0 to 63, or -1; the alphabets of RFC 4648 differ in their last two characters.
int base64_value(char c, char value_62, char value_63) noexcept;

std::optional<std::string> base64_bytes(std::string_view text);

}  // namespace broker
