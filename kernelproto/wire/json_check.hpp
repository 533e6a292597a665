// SPDX-License-Identifier: Apache-2.0
// Whether text is one JSON object, the mending of what honest kernels write instead of JSON, and
// the shortening of what is too long to be looked at.
// Never builds a value: the text is walked and that is all. Pure; any thread.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace kernelproto {

enum class json_verdict {
    good,
    /// Not JSON, not an object, nested too deep, or something follows it.
    bad,
    /// Refused at a place where `mend_json` may help.
    mendable,
};

/// One pass, no allocation. Does not look at the encoding: `is_utf8` does.
json_verdict check_json_object(std::string_view text);

/// Lone surrogate escapes in strings become `\ufffd`; NaN, Infinity and -Infinity outside of
/// strings become null. What else is wrong with the text stays wrong.
std::string mend_json(std::string_view text);

// For a text that is to lose its middle: where it may be cut.

/// How much of `head`, from its beginning: no character and no escape is cut apart; of two escapes
/// that are surrogates of one character, the first may stay.
std::size_t whole_head(std::string_view head) noexcept;

/// Where `tail` may begin, `escaped` when a backslash lies before it.
std::size_t begin_of_tail(std::string_view tail, bool escaped) noexcept;

/// Whether what follows `text` is escaped by a backslash at its end. `escaped`: its first byte is.
bool ends_escaping(std::string_view text, bool escaped) noexcept;

}  // namespace kernelproto
