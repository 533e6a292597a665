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

/// `text` without its middle: about `head` bytes of its beginning and `tail` bytes of its end, no
/// character and no escape cut apart. Well-formed when `text` is and what is left out lies inside
/// one string. Precondition: `head + tail <= text.size()`.
std::string cut_middle(std::string_view text, std::size_t head, std::size_t tail);

}  // namespace kernelproto
