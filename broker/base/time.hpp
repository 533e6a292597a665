// SPDX-License-Identifier: Apache-2.0
// The two clocks: wall time, which is shown and stored, and steady time, which decides.
// A deadline is never kept in wall time, which jumps; only what must outlive a reboot is.
// Values; any thread.
#pragma once

#include <chrono>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

namespace broker {

/// CLOCK_MONOTONIC: the same for every process of one boot, so it may be stored with what dies
/// with the boot.
using steady_time = std::chrono::steady_clock::time_point;
using wall_time = std::chrono::sys_time<std::chrono::milliseconds>;

/// Both clocks, read together.
struct moment {
    wall_time wall;
    steady_time steady;
};

/// Logic is given a `moment`; drivers own one of these (tests: any lambda).
using clock_source = std::function<moment()>;

moment read_clocks();

/// Seconds as users write them, rounded to the clock's tick. Saturates instead of overflowing;
/// what is not a number is zero.
steady_time::duration steady_seconds(double seconds);
std::chrono::milliseconds wall_seconds(double seconds);

/// `2026-01-02T03:04:05.678Z` (RFC 3339, UTC, milliseconds).
std::string to_rfc3339(wall_time when);

/// Takes what `to_rfc3339` makes, and no other form.
std::optional<wall_time> from_rfc3339(std::string_view text);

}  // namespace broker
