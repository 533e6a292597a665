// SPDX-License-Identifier: Apache-2.0
// IMF-fixdate both ways, on the calendar of <chrono>. Never consults the environment. Pure.
#include "http/proto/http_date.hpp"

#include "http/proto/ascii.hpp"

#include <fmt/format.h>

#include <array>
#include <chrono>

namespace http {
namespace {

constexpr std::array<std::string_view, 7> weekdays{"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};
constexpr std::array<std::string_view, 12> months{"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                                  "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};

}  // namespace

std::string format_http_date(std::int64_t unix_seconds) {
    using namespace std::chrono;
    sys_seconds const when{seconds{unix_seconds}};
    auto const day = floor<days>(when);
    year_month_day const date{day};
    hh_mm_ss const time{when - day};
    return fmt::format("{}, {:02} {} {:04} {:02}:{:02}:{:02} GMT",
                       weekdays[weekday{day}.c_encoding()], static_cast<unsigned>(date.day()),
                       months[static_cast<unsigned>(date.month()) - 1],
                       static_cast<int>(date.year()), time.hours().count(), time.minutes().count(),
                       time.seconds().count());
}

std::optional<std::int64_t> parse_http_date(std::string_view text) {
    using namespace std::chrono;
    if (text.size() != 29) {
        return std::nullopt;
    }
    auto const number = [&](std::size_t at, std::size_t length) {
        return ascii::to_number(text.substr(at, length));
    };
    auto const name = std::find(months.begin(), months.end(), text.substr(8, 3));
    auto const d = number(5, 2);
    auto const y = number(12, 4);
    auto const h = number(17, 2);
    auto const m = number(20, 2);
    auto const s = number(23, 2);
    if (name == months.end() || !d || !y || !h || !m || !s || *h > 23 || *m > 59 || *s > 60) {
        return std::nullopt;
    }
    auto const index = static_cast<unsigned>(name - months.begin()) + 1;
    year_month_day const date{year{static_cast<int>(*y)}, month{index},
                              day{static_cast<unsigned>(*d)}};
    if (!date.ok()) {
        return std::nullopt;
    }
    auto const when = sys_days{date}.time_since_epoch() + hours{static_cast<int>(*h)} +
                      minutes{static_cast<int>(*m)} + seconds{static_cast<int>(*s)};
    auto const result = duration_cast<seconds>(when).count();
    // What is written the same way is the same: the weekday and every separator are checked so.
    bool const leap = *s == 60;
    if (!leap && format_http_date(result) != text) {
        return std::nullopt;
    }
    return result;
}

}  // namespace http
