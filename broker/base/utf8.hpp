// SPDX-License-Identifier: Apache-2.0
// Whether bytes are text. Never accepts what two decoders could read differently.
// Pure; any thread.
#pragma once

#include <cstddef>
#include <string_view>

namespace broker {

/// Length in bytes of the UTF-8 sequence at the start of `text` (1-4); 0 when it is none: overlong
/// forms, surrogates and what is above U+10FFFF are none (RFC 3629).
std::size_t utf8_sequence(std::string_view text) noexcept;

bool is_utf8(std::string_view text) noexcept;

/// The longest prefix of at most `bytes` bytes that does not cut a sequence.
std::string_view utf8_prefix(std::string_view text, std::size_t bytes) noexcept;

/// The longest suffix of at most `bytes` bytes that does not cut a sequence.
std::string_view utf8_suffix(std::string_view text, std::size_t bytes) noexcept;

}  // namespace broker
