// SPDX-License-Identifier: Apache-2.0
// Base64 as notebooks hold it (RFC 4648, section 4; line ends allowed) becomes bytes.
// Never guesses: text that is not base64 gives nothing. Pure; any thread.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace broker {

std::optional<std::string> base64_bytes(std::string_view text);

}  // namespace broker
