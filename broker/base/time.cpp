// SPDX-License-Identifier: Apache-2.0
// Clocks, and times as text. Never a locale or a time zone: civil dates are computed here.
// No state; any thread.
#include "broker/base/time.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cmath>

namespace broker {
namespace {

constexpr double longest_s = 1e9;  // thirty years; safe in nanoseconds of 64 bits

/// Digits at `at`, `count` of them; -1 when one is none.
int digits(std::string_view text, std::size_t at, std::size_t count) {
    int value = -1;
    auto const* first = text.data() + at;
    auto const* last = first + count;
    if (std::any_of(first, last, [](char c) { return c < '0' || c > '9'; })) {
        return -1;
    }
    std::from_chars(first, last, value);
    return value;
}

double clamped(double seconds) {
    return std::isnan(seconds) ? 0.0 : std::clamp(seconds, -longest_s, longest_s);
}

}  // namespace

moment read_clocks() {
    using std::chrono::milliseconds;
    return {std::chrono::floor<milliseconds>(std::chrono::system_clock::now()),
            std::chrono::steady_clock::now()};
}

steady_time::duration steady_seconds(double seconds) {
    return std::chrono::round<steady_time::duration>(
        std::chrono::duration<double>(clamped(seconds)));
}

std::chrono::milliseconds wall_seconds(double seconds) {
    return std::chrono::round<std::chrono::milliseconds>(
        std::chrono::duration<double>(clamped(seconds)));
}

std::string to_rfc3339(wall_time when) {
    auto const day = std::chrono::floor<std::chrono::days>(when);
    std::chrono::year_month_day const date{day};
    std::chrono::hh_mm_ss const time{when - day};
    return fmt::format("{:04}-{:02}-{:02}T{:02}:{:02}:{:02}.{:03}Z", static_cast<int>(date.year()),
                       static_cast<unsigned>(date.month()), static_cast<unsigned>(date.day()),
                       time.hours().count(), time.minutes().count(), time.seconds().count(),
                       time.subseconds().count());
}

std::optional<wall_time> from_rfc3339(std::string_view text) {
    constexpr std::string_view shape = "....-..-..T..:..:......Z";
    if (text.size() != shape.size() || text[4] != '-' || text[7] != '-' || text[10] != 'T' ||
        text[13] != ':' || text[16] != ':' || text[19] != '.' || text[23] != 'Z') {
        return std::nullopt;
    }
    int const year = digits(text, 0, 4);
    int const month = digits(text, 5, 2);
    int const day = digits(text, 8, 2);
    int const hour = digits(text, 11, 2);
    int const minute = digits(text, 14, 2);
    int const second = digits(text, 17, 2);
    int const milli = digits(text, 20, 3);
    if (std::min({year, month, day, hour, minute, second, milli}) < 0 || hour > 23 || minute > 59 ||
        second > 59) {
        return std::nullopt;
    }
    std::chrono::year_month_day const date{std::chrono::year{year},
                                           std::chrono::month{static_cast<unsigned>(month)},
                                           std::chrono::day{static_cast<unsigned>(day)}};
    if (!date.ok()) {
        return std::nullopt;
    }
    return wall_time{std::chrono::sys_days{date}} + std::chrono::hours{hour} +
           std::chrono::minutes{minute} + std::chrono::seconds{second} +
           std::chrono::milliseconds{milli};
}

}  // namespace broker
