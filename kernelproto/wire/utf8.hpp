// SPDX-License-Identifier: Apache-2.0
// Whether bytes are UTF-8 (RFC 3629), and a text that is when they are not.
// Never changes a byte of a text that is valid. Pure; any thread.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace kernelproto {

/// Overlong forms, surrogates and anything above U+10FFFF are refused.
bool is_utf8(std::string_view bytes) noexcept;

/// How much longer than the bytes a repaired text may be.
inline constexpr std::size_t max_repair_growth = std::size_t{1024} * 1024;

/// Every longest run of bytes that begins a character without ending it becomes one U+FFFD, as
/// Python's `errors="replace"` does it; or "?", once U+FFFD would make the text longer than
/// `max_repair_growth` allows.
std::string repair_utf8(std::string_view bytes);

}  // namespace kernelproto
