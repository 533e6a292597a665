// SPDX-License-Identifier: Apache-2.0
// What fstat(2) says of a file's content without reading it, and how far that can be trusted.
// Never looks at a file or a clock. Pure values; any thread.
#pragma once

#include <cstdint>

namespace broker {

/// Two looks that give the same identity saw the same content, if the first look was `settled`.
struct file_identity {
    std::uint64_t inode = 0;
    std::uint64_t size = 0;
    std::int64_t mtime_ns = 0;  // since 1970; the owner may set it to anything
    std::int64_t ctime_ns = 0;  // since 1970; only the system's clock sets it

    friend bool operator==(file_identity const&, file_identity const&) = default;
};

/// Timestamps of files move in clock ticks, so a second write within the tick of the first leaves
/// no trace in them. A look is settled when the last change lies at least two ticks before it: any
/// later write then gets another ctime. `looked_at_ns` is CLOCK_REALTIME_COARSE before the look,
/// the clock file systems stamp with; `tick_ns` is its resolution. A ctime from the future (the
/// clock was set back) never settles.
constexpr bool settled(file_identity const& id, std::int64_t looked_at_ns, std::int64_t tick_ns) {
    return id.ctime_ns <= looked_at_ns - 2 * tick_ns;
}

}  // namespace broker
