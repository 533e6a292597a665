// SPDX-License-Identifier: Apache-2.0
// Walking checked JSON text: strings are jumped over by their quotes, the rest by its brackets.
// Never trusts the check so far that it would read past the end. Pure; any thread.
#include "kernelproto/wire/json_text.hpp"

#include "kernelproto/wire/errc.hpp"
#include "kernelproto/wire/json_check.hpp"
#include "kernelproto/wire/utf8.hpp"

#include <algorithm>
#include <charconv>
#include <utility>

namespace kernelproto {
namespace {

constexpr std::string_view blanks = " \t\n\r";

/// Longest key in its escaped form that is decoded to be compared.
constexpr std::size_t longest_key = 256;

std::size_t skip_blanks(std::string_view text, std::size_t at) noexcept {
    return std::min(text.find_first_not_of(blanks, at), text.size());
}

/// `at` is an opening quote; returns what follows the closing one.
std::size_t skip_string(std::string_view text, std::size_t at) noexcept {
    auto const begin = at + 1;
    for (auto quote = text.find('"', begin); quote != std::string_view::npos;
         quote = text.find('"', quote + 1)) {
        auto slashes = quote;
        while (slashes > begin && text[slashes - 1] == '\\') {
            --slashes;
        }
        if ((quote - slashes) % 2 == 0) {
            return quote + 1;
        }
    }
    return text.size();
}

/// `at` is the first byte of a value; returns what follows its last one.
std::size_t skip_value(std::string_view text, std::size_t at) noexcept {
    if (at >= text.size()) {
        return text.size();
    }
    if (text[at] == '"') {
        return skip_string(text, at);
    }
    if (text[at] != '{' && text[at] != '[') {
        return std::min(text.find_first_of(",]} \t\n\r", at), text.size());
    }
    std::size_t depth = 0;
    while (at < text.size()) {
        char const c = text[at];
        if (c == '"') {
            at = skip_string(text, at);
            continue;
        }
        ++at;
        if (c == '{' || c == '[') {
            ++depth;
        } else if ((c == '}' || c == ']') && --depth == 0) {
            return at;
        }
    }
    return text.size();
}

void append_utf8(std::string& out, std::uint32_t point) {
    auto const put = [&](std::uint32_t byte) {
        out += static_cast<char>(byte);
    };
    if (point < 0x80) {
        put(point);
    } else if (point < 0x800) {
        put(0xC0 | (point >> 6U));
        put(0x80 | (point & 0x3FU));
    } else if (point < 0x10000) {
        put(0xE0 | (point >> 12U));
        put(0x80 | ((point >> 6U) & 0x3FU));
        put(0x80 | (point & 0x3FU));
    } else {
        put(0xF0 | (point >> 18U));
        put(0x80 | ((point >> 12U) & 0x3FU));
        put(0x80 | ((point >> 6U) & 0x3FU));
        put(0x80 | (point & 0x3FU));
    }
}

/// Takes the hex digits of one `\u` escape off the front; 0xFFFD for what is none.
std::uint32_t take_unit(std::string_view& text) noexcept {
    std::uint32_t unit = 0;
    auto const digits = text.substr(0, 4);
    auto const [end, error] =
        std::from_chars(digits.data(), digits.data() + digits.size(), unit, 16);
    text.remove_prefix(digits.size());
    return error == std::errc{} && end == digits.data() + digits.size() ? unit : 0xFFFD;
}

/// `text` begins behind the backslash.
void append_escape(std::string& out, std::string_view& text) {
    constexpr std::string_view letters = "bfnrt";
    constexpr std::string_view meanings = "\b\f\n\r\t";
    if (text.empty()) {
        return;
    }
    char const kind = text.front();
    text.remove_prefix(1);
    if (kind != 'u') {
        auto const index = letters.find(kind);
        out += index == std::string_view::npos ? kind : meanings[index];
        return;
    }
    auto unit = take_unit(text);
    if (unit >= 0xD800 && unit <= 0xDBFF && text.starts_with("\\u")) {
        text.remove_prefix(2);
        auto const trail = take_unit(text);
        unit = trail >= 0xDC00 && trail <= 0xDFFF
                   ? 0x10000 + ((unit - 0xD800) << 10U) + (trail - 0xDC00)
                   : 0xFFFD;
    }
    append_utf8(out, unit >= 0xD800 && unit <= 0xDFFF ? 0xFFFD : unit);
}

std::string unescape(std::string_view text) {
    std::string out;
    out.reserve(text.size());
    while (!text.empty()) {
        auto const slash = std::min(text.find('\\'), text.size());
        out.append(text.substr(0, slash));
        text.remove_prefix(slash);
        if (!text.empty()) {
            text.remove_prefix(1);
            append_escape(out, text);
        }
    }
    return out;
}

bool key_is(std::string_view escaped, std::string_view wanted) {
    if (escaped.find('\\') == std::string_view::npos) {
        return escaped == wanted;
    }
    return escaped.size() <= longest_key && unescape(escaped) == wanted;
}

}  // namespace

std::optional<std::string> json_value::string() const {
    if (raw_.size() < 2 || raw_.front() != '"') {
        return std::nullopt;
    }
    return unescape(raw_.substr(1, raw_.size() - 2));
}

std::optional<std::int64_t> json_value::integer() const noexcept {
    std::int64_t number = 0;
    auto const* const end = raw_.data() + raw_.size();
    auto const parsed = std::from_chars(raw_.data(), end, number);
    if (raw_.empty() || parsed.ec != std::errc{} || parsed.ptr != end) {
        return std::nullopt;
    }
    return number;
}

std::optional<bool> json_value::boolean() const noexcept {
    if (raw_ == "true" || raw_ == "false") {
        return raw_ == "true";
    }
    return std::nullopt;
}

json_value json_value::member(std::string_view key) const {
    wanted one{key};
    members({&one, 1});
    return json_value{one.raw};
}

void json_value::members(std::span<wanted> keys) const {
    if (!is_object()) {
        return;
    }
    auto at = skip_blanks(raw_, 1);
    while (at < raw_.size() && raw_[at] == '"') {
        auto const key_end = skip_string(raw_, at);
        auto const key = raw_.substr(at + 1, key_end - at - 2);
        auto const colon = skip_blanks(raw_, key_end);
        auto const begin = skip_blanks(raw_, colon + 1);
        auto const end = skip_value(raw_, begin);
        for (auto& each : keys) {
            if (key_is(key, each.key)) {
                each.raw = raw_.substr(begin, end - begin);
            }
        }
        auto const comma = skip_blanks(raw_, end);
        at = skip_blanks(raw_, comma + 1);
    }
}

json_elements::json_elements(json_value array) noexcept
    : rest_(array.is_array() ? array.raw().substr(1) : std::string_view{}) {}

bool json_elements::next(json_value& element) noexcept {
    auto const begin = skip_blanks(rest_, 0);
    if (begin >= rest_.size() || rest_[begin] == ']') {
        rest_ = {};
        return false;
    }
    auto const end = skip_value(rest_, begin);
    element = json_value{rest_.substr(begin, end - begin)};
    auto const comma = skip_blanks(rest_, end);
    rest_.remove_prefix(std::min(comma + 1, rest_.size()));
    return true;
}

result<json_object> json_object::parse(frame bytes) {
    if (!is_utf8(bytes.bytes())) {
        bytes = frame{repair_utf8(bytes.bytes())};
    }
    auto verdict = check_json_object(bytes.bytes());
    if (verdict == json_verdict::mendable) {
        bytes = frame{mend_json(bytes.bytes())};
        verdict = check_json_object(bytes.bytes());
    }
    if (verdict != json_verdict::good) {
        return wire_errc::bad_json;
    }
    auto const text = bytes.bytes();
    auto const first = text.find_first_not_of(blanks);
    auto const last = text.find_last_not_of(blanks);
    auto const trimmed = text.substr(first, last - first + 1);
    // The frame lives on inside the trimmed one; its bytes do not move.
    auto owner = std::make_shared<frame const>(std::move(bytes));
    return json_object{frame{std::move(owner), trimmed}};
}

void append_json_string(std::string& out, std::string_view text) {
    constexpr std::string_view digits = "0123456789abcdef";
    std::string repaired;
    if (!is_utf8(text)) {
        repaired = repair_utf8(text);
        text = repaired;
    }
    out += '"';
    for (char const c : text) {
        auto const byte = static_cast<unsigned char>(c);
        if (c == '"' || c == '\\') {
            out += '\\';
            out += c;
        } else if (byte < 0x20) {
            out.append("\\u00");
            out += digits[byte >> 4U];
            out += digits[byte & 15U];
        } else {
            out += c;
        }
    }
    out += '"';
}

}  // namespace kernelproto
