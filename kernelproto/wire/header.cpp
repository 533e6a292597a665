// SPDX-License-Identifier: Apache-2.0
// Headers read and written. Never keeps a field that the specification does not name.
// Pure; any thread.
#include "kernelproto/wire/header.hpp"

#include "kernelproto/wire/errc.hpp"
#include "kernelproto/wire/json_text.hpp"

#include <array>
#include <charconv>
#include <chrono>

namespace kernelproto {
namespace {

struct field {
    std::string_view name;
    std::string header::*place;
};

constexpr std::array<field, 6> fields{{
    {"msg_id", &header::msg_id},
    {"session", &header::session},
    {"username", &header::username},
    {"date", &header::date},
    {"msg_type", &header::msg_type},
    {"version", &header::version},
}};

result<header> read_fields(frame const& bytes) {
    auto const object = json_object::parse(bytes);
    if (!object) {
        return object.error();
    }
    std::array<json_value::wanted, fields.size()> found{};
    for (std::size_t i = 0; i < fields.size(); ++i) {
        found[i].key = fields[i].name;
    }
    object->value().members(found);
    header head;
    for (std::size_t i = 0; i < fields.size(); ++i) {
        json_value const value{found[i].raw};
        if (!value.present()) {
            continue;
        }
        auto text = value.string();
        if (!text) {
            return wire_errc::bad_header;
        }
        head.*fields[i].place = std::move(*text);
    }
    return head;
}

/// Takes exactly `width` digits and the text `behind` off the front.
bool take_number(std::string_view& text, std::size_t width, std::string_view behind,
                 int& value) noexcept {
    auto const digits = text.substr(0, width);
    if (digits.size() != width ||
        digits.find_first_not_of("0123456789") != std::string_view::npos ||
        !text.substr(width).starts_with(behind)) {
        return false;
    }
    std::from_chars(digits.data(), digits.data() + digits.size(), value);
    text.remove_prefix(width + behind.size());
    return true;
}

/// A fraction of a second, at most six digits of it.
std::int64_t take_fraction(std::string_view& text) noexcept {
    if (!text.starts_with('.')) {
        return 0;
    }
    text.remove_prefix(1);
    std::int64_t micros = 0;
    std::int64_t weight = 100000;
    while (!text.empty() && text.front() >= '0' && text.front() <= '9') {
        micros += weight * (text.front() - '0');
        weight /= 10;
        text.remove_prefix(1);
    }
    return micros;
}

/// Minutes east of UTC; the whole rest of the text must be the offset.
std::optional<int> read_offset(std::string_view text) noexcept {
    if (text.empty() || text == "Z") {
        return 0;
    }
    int const sign = text.front() == '-' ? -1 : 1;
    if (text.front() != '-' && text.front() != '+') {
        return std::nullopt;
    }
    text.remove_prefix(1);
    int hours = 0;
    int minutes = 0;
    if (!take_number(text, 2, text.size() > 2 && text[2] == ':' ? ":" : "", hours) ||
        !take_number(text, 2, "", minutes) || !text.empty() || hours > 23 || minutes > 59) {
        return std::nullopt;
    }
    return sign * (hours * 60 + minutes);
}

}  // namespace

result<header> parse_header(frame const& bytes) {
    auto head = read_fields(bytes);
    if (head && (head->msg_id.empty() || head->msg_type.empty())) {
        return wire_errc::bad_header;
    }
    return head;
}

result<header> parse_parent_header(frame const& bytes) { return read_fields(bytes); }

std::string print_header(header const& head) {
    std::string out = "{";
    for (auto const& each : fields) {
        if (out.size() > 1) {
            out += ',';
        }
        append_json_string(out, each.name);
        out += ':';
        append_json_string(out, head.*each.place);
    }
    out += '}';
    return out;
}

std::optional<std::int64_t> date_microseconds(std::string_view date) noexcept {
    namespace chrono = std::chrono;
    int year = 0;
    int month = 0;
    int day = 0;
    int hour = 0;
    int minute = 0;
    int second = 0;
    bool const blank = date.size() > 10 && date[10] == ' ';
    if (!take_number(date, 4, "-", year) || !take_number(date, 2, "-", month) ||
        !take_number(date, 2, blank ? " " : "T", day) || !take_number(date, 2, ":", hour) ||
        !take_number(date, 2, ":", minute) || !take_number(date, 2, "", second) || hour > 23 ||
        minute > 59 || second > 60) {
        return std::nullopt;
    }
    chrono::year_month_day const calendar{chrono::year{year},
                                          chrono::month{static_cast<unsigned>(month)},
                                          chrono::day{static_cast<unsigned>(day)}};
    auto const micros = take_fraction(date);
    auto const offset = read_offset(date);
    if (!calendar.ok() || !offset) {
        return std::nullopt;
    }
    auto const time = chrono::sys_days{calendar} + chrono::hours{hour} +
                      chrono::minutes{minute - *offset} + chrono::seconds{second} +
                      chrono::microseconds{micros};
    return chrono::microseconds{time.time_since_epoch()}.count();
}

std::string print_date(std::int64_t microseconds) {
    namespace chrono = std::chrono;
    chrono::sys_time<chrono::microseconds> const time{chrono::microseconds{microseconds}};
    auto const day = chrono::floor<chrono::days>(time);
    chrono::year_month_day const calendar{day};
    chrono::hh_mm_ss const clock{time - day};
    auto const digits = [](auto value, std::size_t width) {
        auto text = std::to_string(value);
        return text.size() < width ? std::string(width - text.size(), '0') + text : text;
    };
    return digits(static_cast<int>(calendar.year()), 4) + '-' +
           digits(static_cast<unsigned>(calendar.month()), 2) + '-' +
           digits(static_cast<unsigned>(calendar.day()), 2) + 'T' +
           digits(clock.hours().count(), 2) + ':' + digits(clock.minutes().count(), 2) + ':' +
           digits(clock.seconds().count(), 2) + '.' + digits(clock.subseconds().count(), 6) + 'Z';
}

}  // namespace kernelproto
