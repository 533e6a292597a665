// SPDX-License-Identifier: Apache-2.0
// A cursor over JSON text that skips values by counting brackets outside of strings. Never
// recursive, so depth costs nothing. Pure.
#include "broker/core/json_slice.hpp"

#include <charconv>
#include <cstdint>

namespace broker {
namespace {

void append_utf8(std::string& out, std::uint32_t c) {
    auto const tail = [&](unsigned shift) {
        out += static_cast<char>(0x80U | ((c >> shift) & 0x3FU));
    };
    if (c < 0x80) {
        out += static_cast<char>(c);
    } else if (c < 0x800) {
        out += static_cast<char>(0xC0U | (c >> 6U));
        tail(0);
    } else if (c < 0x10000) {
        out += static_cast<char>(0xE0U | (c >> 12U));
        tail(6);
        tail(0);
    } else {
        out += static_cast<char>(0xF0U | (c >> 18U));
        tail(12);
        tail(6);
        tail(0);
    }
}

/// The four digits of `\uXXXX` at the start of `text`, which begins after the `u`.
std::optional<std::uint32_t> hex4(std::string_view text) {
    std::uint32_t value = 0;
    if (text.size() < 4) {
        return std::nullopt;
    }
    auto const* const end = text.data() + 4;
    auto const read = std::from_chars(text.data(), end, value, 16);
    if (read.ec != std::errc{} || read.ptr != end) {
        return std::nullopt;
    }
    return value;
}

bool in_range(std::uint32_t c, std::uint32_t first, std::uint32_t last) {
    return c >= first && c <= last;
}

/// One `\u` escape, or a pair of them; `text` begins after the first `u`. Returns what was read.
std::size_t append_unicode_escape(std::string& out, std::string_view text) {
    constexpr std::uint32_t replacement = 0xFFFD;
    auto const first = hex4(text);
    if (!first) {
        append_utf8(out, replacement);
        return 0;
    }
    if (!in_range(*first, 0xD800, 0xDFFF)) {
        append_utf8(out, *first);
        return 4;
    }
    if (in_range(*first, 0xD800, 0xDBFF) && text.substr(4, 2) == "\\u") {
        auto const second = hex4(text.substr(6));
        if (second && in_range(*second, 0xDC00, 0xDFFF)) {
            append_utf8(out, 0x10000 + ((*first - 0xD800) << 10U) + (*second - 0xDC00));
            return 10;
        }
    }
    append_utf8(out, replacement);
    return 4;
}

/// `raw` lies between the quotes.
std::string decode(std::string_view raw) {
    constexpr std::string_view names = "bfnrt";
    constexpr std::string_view values = "\b\f\n\r\t";
    std::string out;
    out.reserve(raw.size());
    while (!raw.empty()) {
        std::size_t const plain = raw.find('\\');
        out.append(raw.substr(0, plain));
        if (plain == std::string_view::npos || plain + 1 >= raw.size()) {
            break;
        }
        char const c = raw[plain + 1];
        raw.remove_prefix(plain + 2);
        if (c == 'u') {
            raw.remove_prefix(append_unicode_escape(out, raw));
        } else if (auto const at = names.find(c); at != std::string_view::npos) {
            out += values[at];
        } else {
            out += c;
        }
    }
    return out;
}

class cursor {
public:
    explicit cursor(std::string_view text) : text_(text) {}

    bool take(char c) {
        skip_space();
        if (text_.empty() || text_.front() != c) {
            return false;
        }
        text_.remove_prefix(1);
        return true;
    }

    /// What lies between the quotes of a string.
    std::optional<std::string_view> take_string() {
        if (!take('"')) {
            return std::nullopt;
        }
        std::size_t end = 0;
        while ((end = text_.find_first_of("\"\\", end)) != std::string_view::npos) {
            if (text_[end] == '"') {
                auto const raw = text_.substr(0, end);
                text_.remove_prefix(end + 1);
                return raw;
            }
            end += 2;
        }
        return std::nullopt;
    }

    /// Any value, to its end.
    bool skip_value() {
        std::size_t depth = 0;
        do {
            skip_space();
            if (text_.empty()) {
                return false;
            }
            char const c = text_.front();
            if (c == '"') {
                if (!take_string()) {
                    return false;
                }
                continue;
            }
            if (depth == 0 && (c == ',' || c == '}' || c == ']')) {
                return false;
            }
            depth += c == '{' || c == '[' ? 1U : 0U;
            depth -= c == '}' || c == ']' ? 1U : 0U;
            text_.remove_prefix(1);
            if (c != '{' && c != '[' && c != '}' && c != ']' && c != ',' && c != ':') {
                skip_word();
            }
        } while (depth > 0);
        return true;
    }

    std::string_view rest() {
        skip_space();
        return text_;
    }

    /// Without a look at what comes.
    std::size_t rest_size() const { return text_.size(); }

private:
    void skip_space() { remove_to(text_.find_first_not_of(" \t\r\n")); }
    void skip_word() { remove_to(text_.find_first_of(",:{}[]\" \t\r\n")); }

    void remove_to(std::size_t at) {
        text_.remove_prefix(at == std::string_view::npos ? text_.size() : at);
    }

    std::string_view text_;
};

}  // namespace

std::optional<std::string_view> json_raw_member(std::string_view object, std::string_view name) {
    cursor at(object);
    if (!at.take('{')) {
        return std::nullopt;
    }
    do {
        auto const key = at.take_string();
        if (!key || !at.take(':')) {
            return std::nullopt;
        }
        auto const value = at.rest();
        if (!at.skip_value()) {
            return std::nullopt;
        }
        if (decode(*key) == name) {
            return value.substr(0, value.size() - at.rest_size());
        }
    } while (at.take(','));
    return std::nullopt;
}

std::optional<std::string> json_string_member(std::string_view object, std::string_view name) {
    auto const value = json_raw_member(object, name);
    if (!value) {
        return std::nullopt;
    }
    auto const text = cursor(*value).take_string();
    return text ? std::optional(decode(*text)) : std::nullopt;
}

std::vector<std::string_view> json_elements(std::string_view array) {
    std::vector<std::string_view> found;
    cursor at(array);
    if (!at.take('[')) {
        return found;
    }
    do {
        auto const value = at.rest();
        if (!at.skip_value()) {
            break;
        }
        found.push_back(value.substr(0, value.size() - at.rest_size()));
    } while (at.take(','));
    return found;
}

std::vector<std::string> json_strings(std::string_view array) {
    std::vector<std::string> found;
    for (auto const element : json_elements(array)) {
        auto const one = cursor(element).take_string();
        if (!one) {
            break;
        }
        found.push_back(decode(*one));
    }
    return found;
}

}  // namespace broker
