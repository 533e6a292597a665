// SPDX-License-Identifier: Apache-2.0
// How values of settings are read, checked, written and described.
// Never throws for a bad value: it says what is allowed. Pure.
#include "broker/daemon/setting_table.hpp"

#include <fmt/format.h>

#include <charconv>
#include <cmath>
#include <utility>

namespace broker {
namespace {

constexpr std::pair<std::string_view, unsigned> size_units[] = {
    {"TiB", 40}, {"GiB", 30}, {"MiB", 20}, {"KiB", 10}};

std::string_view trim(std::string_view text) {
    auto const from = text.find_first_not_of(" \t");
    if (from == std::string_view::npos) {
        return {};
    }
    return text.substr(from, text.find_last_not_of(" \t") - from + 1);
}

template <class Number, class... Base>
std::optional<Number> whole(std::string_view text, Base... base) {
    Number out{};
    auto const [end, error] = std::from_chars(text.data(), text.data() + text.size(), out, base...);
    if (text.empty() || error != std::errc{} || end != text.data() + text.size()) {
        return std::nullopt;
    }
    return out;
}

/// Digits; octal after 0o; bytes also with a unit behind.
std::optional<double> number_of_text(std::string_view text, setting_unit unit, bool fraction) {
    text = trim(text);
    if (unit == setting_unit::bytes) {
        for (auto const& [suffix, shift] : size_units) {
            if (text.ends_with(suffix)) {
                auto const count = whole<std::uint32_t>(trim(text.substr(0, text.size() - 3)));
                return count ? std::optional{std::ldexp(*count, static_cast<int>(shift))}
                             : std::nullopt;
            }
        }
    }
    if (text.starts_with("0o")) {
        auto const value = whole<std::uint32_t>(text.substr(2), 8);
        return value ? std::optional<double>{*value} : std::nullopt;
    }
    if (fraction) {
        return whole<double>(text);
    }
    auto const value = whole<std::int64_t>(text);
    return value ? std::optional{static_cast<double>(*value)} : std::nullopt;
}

std::optional<double> number_of(setting_value const& value, setting_unit unit, bool fraction) {
    if (auto const* i = std::get_if<std::int64_t>(&value)) {
        return static_cast<double>(*i);
    }
    if (auto const* d = std::get_if<double>(&value); d != nullptr && fraction) {
        return *d;
    }
    if (auto const* text = std::get_if<std::string>(&value)) {
        return number_of_text(*text, unit, fraction);
    }
    return std::nullopt;
}

std::string wanted(setting const& which) {
    auto const bounds = bounds_text(which);
    return fmt::format("it must be {}{}{}", type_text(which), bounds.empty() ? "" : ", ", bounds);
}

std::string shown(setting_value const& value) {
    if (auto const* text = std::get_if<std::string>(&value)) {
        return fmt::format("\"{}\"", *text);
    }
    if (auto const* i = std::get_if<std::int64_t>(&value)) {
        return std::to_string(*i);
    }
    if (auto const* d = std::get_if<double>(&value)) {
        return fmt::format("{}", *d);
    }
    return std::string{kind_name(value)};
}

template <class Number>
std::optional<std::string> assign_number(setting const& which, Number& to,
                                         setting_value const& value) {
    auto const number = number_of(value, which.unit, std::is_same_v<Number, double>);
    // Written so that a NaN is refused too.
    if (!number || !(*number >= which.least && *number <= which.most)) {
        return fmt::format("{} is {}; {}", which.key, shown(value), wanted(which));
    }
    to = static_cast<Number>(*number);
    return std::nullopt;
}

std::optional<std::string> refuse_text(setting const& which, std::string const& text) {
    if (!which.choices.empty()) {
        for (auto const& choice : which.choices) {
            if (choice == text) {
                return std::nullopt;
            }
        }
        return fmt::format("{} is \"{}\"; {}", which.key, text, wanted(which));
    }
    if (which.refuse != nullptr) {
        if (auto const why = which.refuse(text)) {
            return fmt::format("{} is \"{}\"; {}", which.key, text, *why);
        }
    }
    return std::nullopt;
}

std::optional<std::string> assign_text(setting const& which, std::string& to,
                                       setting_value const& value) {
    auto const* text = std::get_if<std::string>(&value);
    if (text == nullptr) {
        return fmt::format("{} is {}; {}", which.key, shown(value), wanted(which));
    }
    if (auto problem = refuse_text(which, *text)) {
        return problem;
    }
    to = *text;
    return std::nullopt;
}

text_list split(std::string_view text) {
    text_list out;
    while (!trim(text).empty()) {
        auto const comma = text.find(',');
        out.emplace_back(trim(text.substr(0, comma)));
        text = comma == std::string_view::npos ? std::string_view{} : text.substr(comma + 1);
    }
    return out;
}

std::optional<std::string> assign_list(setting const& which, text_list& to,
                                       setting_value const& value) {
    auto const* text = std::get_if<std::string>(&value);
    auto const* list = std::get_if<text_list>(&value);
    if (list == nullptr && text == nullptr) {
        return fmt::format("{} is {}; {}", which.key, shown(value), wanted(which));
    }
    auto items = list != nullptr ? *list : split(*text);
    for (auto const& item : items) {
        if (auto problem = refuse_text(which, item)) {
            return problem;
        }
    }
    to = std::move(items);
    return std::nullopt;
}

std::string quoted(std::string_view text) {
    std::string out = "\"";
    for (char const c : text) {
        if (c == '"' || c == '\\') {
            out += '\\';
            out += c;
        } else if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f) {
            out += fmt::format("\\u{:04x}", static_cast<unsigned char>(c));
        } else {
            out += c;
        }
    }
    return out + '"';
}

template <class Number>
std::string plain_number(setting const& which, Number value) {
    if constexpr (std::is_integral_v<Number>) {
        if (which.unit == setting_unit::mode) {
            return fmt::format("0o{:o}", value);
        }
    }
    return fmt::format("{}", value);
}

std::string number_text(setting const& which, double value) {
    if (which.unit == setting_unit::mode) {
        return fmt::format("0o{:o}", static_cast<unsigned>(value));
    }
    if (which.unit == setting_unit::bytes) {
        auto const size = size_text(static_cast<std::uint64_t>(value));
        return size.empty() ? fmt::format("{:.0f}", value) : size;
    }
    return fmt::format("{}", value);
}

}  // namespace

std::optional<std::string> assign(setting const& which, settings& to, setting_value const& value) {
    return std::visit(
        [&](auto* field) -> std::optional<std::string> {
            using type = std::remove_reference_t<decltype(*field)>;
            if constexpr (std::is_same_v<type, std::string>) {
                return assign_text(which, *field, value);
            } else if constexpr (std::is_same_v<type, text_list>) {
                return assign_list(which, *field, value);
            } else {
                return assign_number(which, *field, value);
            }
        },
        which.at(to));
}

std::string to_toml(setting const& which, settings const& of) {
    settings copy = of;  // `at` wants to write
    return std::visit(
        [&](auto const* field) -> std::string {
            using type = std::remove_cvref_t<decltype(*field)>;
            if constexpr (std::is_same_v<type, std::string>) {
                return quoted(*field);
            } else if constexpr (std::is_same_v<type, text_list>) {
                std::string out;
                for (auto const& item : *field) {
                    out += (out.empty() ? "" : ", ") + quoted(item);
                }
                return "[" + out + "]";
            } else {
                return plain_number(which, *field);
            }
        },
        which.at(copy));
}

std::string type_text(setting const& which) {
    settings example;
    auto const field = which.at(example);
    std::string out = std::holds_alternative<std::string*>(field) ? "text"
                      : std::holds_alternative<text_list*>(field) ? "a list of texts"
                      : std::holds_alternative<double*>(field)    ? "a number"
                                                                  : "a whole number";
    switch (which.unit) {
        case setting_unit::none:
            return out;
        case setting_unit::bytes:
            return out + " of bytes";
        case setting_unit::seconds:
            return out + " of seconds";
        case setting_unit::processors:
            return out + " of processors";
        case setting_unit::mode:
            return out + " in octal";
    }
    return out;
}

std::string bounds_text(setting const& which) {
    if (!which.choices.empty()) {
        return fmt::format("{}", fmt::join(which.choices, " or "));
    }
    settings example;
    auto const field = which.at(example);
    if (std::holds_alternative<std::string*>(field) || std::holds_alternative<text_list*>(field)) {
        return {};
    }
    return number_text(which, which.least) + " to " + number_text(which, which.most);
}

std::string size_text(std::uint64_t bytes) {
    for (auto const& [suffix, shift] : size_units) {
        auto const unit = std::uint64_t{1} << shift;
        if (bytes >= unit && bytes % unit == 0) {
            return fmt::format("{} {}", bytes >> shift, suffix);
        }
    }
    return {};
}

std::string environment_name(std::string_view key) {
    std::string out = "KERNEL_BROKER_";
    for (char const c : key) {
        out += c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c;
    }
    return out;
}

}  // namespace broker
