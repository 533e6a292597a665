// SPDX-License-Identifier: Apache-2.0
// What a program writes on one of its streams, on the way to being text of messages.
// Never cuts a character apart, never lets anything but UTF-8 out, and never asks for more than one
// message in `pause` unless a whole piece is there. Pure: callers pass `now`; one owner.
#pragma once

#include <chrono>
#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

namespace language_kernel {

/// Any clock that does not go back.
using milliseconds = std::chrono::milliseconds;

class output_text {
public:
    static constexpr std::size_t piece_bytes = std::size_t{64} * 1024;
    static constexpr milliseconds pause{20};

    void add(std::string_view bytes) { held_.append(bytes); }

    /// When `take` has something to say; nothing when it has not.
    std::optional<milliseconds> due(milliseconds now) const;

    /// All whole characters. Bytes that are no characters become U+FFFD.
    std::string take(milliseconds now);

    /// The rest; a character that was begun will not be ended any more.
    std::string take_all();

private:
    std::string held_;
    std::optional<milliseconds> taken_;
};

/// Bytes at the end of `bytes` that begin a character and do not end it: 0 to 3.
std::size_t begun_character(std::string_view bytes) noexcept;

}  // namespace language_kernel
