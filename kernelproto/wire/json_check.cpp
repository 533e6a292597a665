// SPDX-License-Identifier: Apache-2.0
// The check is Boost.JSON's push parser with a handler that keeps nothing; the mending is a walk.
// Never recurses deeper than `max_json_depth`. Pure; any thread.
#include "kernelproto/wire/json_check.hpp"

#include "kernelproto/wire/json_text.hpp"

#include <boost/json/basic_parser_impl.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>

namespace kernelproto {
namespace {

namespace json = boost::json;
using json::error_code;
using json::string_view;

/// Hears every part of a document and keeps none.
struct keep_nothing {
    static constexpr std::size_t max_object_size = SIZE_MAX;
    static constexpr std::size_t max_array_size = SIZE_MAX;
    static constexpr std::size_t max_key_size = SIZE_MAX;
    static constexpr std::size_t max_string_size = SIZE_MAX;

    bool on_document_begin(error_code&) { return true; }
    bool on_document_end(error_code&) { return true; }
    bool on_object_begin(error_code&) { return true; }
    bool on_object_end(std::size_t, error_code&) { return true; }
    bool on_array_begin(error_code&) { return true; }
    bool on_array_end(std::size_t, error_code&) { return true; }
    bool on_key_part(string_view, std::size_t, error_code&) { return true; }
    bool on_key(string_view, std::size_t, error_code&) { return true; }
    bool on_string_part(string_view, std::size_t, error_code&) { return true; }
    bool on_string(string_view, std::size_t, error_code&) { return true; }
    bool on_number_part(string_view, error_code&) { return true; }
    bool on_int64(std::int64_t, string_view, error_code&) { return true; }
    bool on_uint64(std::uint64_t, string_view, error_code&) { return true; }
    bool on_double(double, string_view, error_code&) { return true; }
    bool on_bool(bool, error_code&) { return true; }
    bool on_null(error_code&) { return true; }
    bool on_comment_part(string_view, error_code&) { return true; }
    bool on_comment(string_view, error_code&) { return true; }
};

constexpr std::string_view blanks = " \t\n\r";

bool mending_may_help(error_code const& why) {
    return why == json::error::illegal_leading_surrogate ||
           why == json::error::illegal_trailing_surrogate ||
           why == json::error::expected_utf16_escape || why == json::error::syntax;
}

/// The four hex digits of `\uXXXX` at `at`, or -1.
int escape_at(std::string_view text, std::size_t at) noexcept {
    if (at + 6 > text.size() || text[at] != '\\' || text[at + 1] != 'u') {
        return -1;
    }
    int value = 0;
    for (char const c : text.substr(at + 2, 4)) {
        int const digit = c >= '0' && c <= '9'   ? c - '0'
                          : c >= 'a' && c <= 'f' ? c - 'a' + 10
                          : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                                 : -1;
        if (digit < 0) {
            return -1;
        }
        value = value * 16 + digit;
    }
    return value;
}

/// Copies the string that begins at `at` (its opening quote), and returns what follows it.
std::size_t mend_string(std::string_view text, std::size_t at, std::string& out) {
    out += text[at++];
    while (at < text.size() && text[at] != '"') {
        if (text[at] != '\\') {
            auto const end = std::min(text.find_first_of("\"\\", at), text.size());
            out.append(text.substr(at, end - at));
            at = end;
            continue;
        }
        int const unit = escape_at(text, at);
        bool const leads = unit >= 0xD800 && unit <= 0xDBFF;
        int const follower = leads ? escape_at(text, at + 6) : -1;
        std::size_t length = unit < 0 ? 2 : 6;
        if (leads && follower >= 0xDC00 && follower <= 0xDFFF) {
            length = 12;
        } else if (unit >= 0xD800 && unit <= 0xDFFF) {
            out.append("\\ufffd");
            at += length;
            continue;
        }
        out.append(text.substr(at, length));
        at = std::min(at + length, text.size());
    }
    if (at < text.size()) {
        out += text[at++];
    }
    return at;
}

bool continues_character(std::string_view text, std::size_t at) noexcept {
    return at < text.size() && (static_cast<unsigned char>(text[at]) & 0xC0U) == 0x80;
}

/// How much of `text` ends with a whole character; of what is not UTF-8, all.
std::size_t whole_characters(std::string_view text) noexcept {
    constexpr std::size_t longest = 4;
    for (std::size_t back = 1; back < longest && back <= text.size(); ++back) {
        auto const at = text.size() - back;
        auto const lead = static_cast<unsigned char>(text[at]);
        if ((lead & 0xC0U) != 0x80U) {
            std::size_t const length = lead >= 0xF0U   ? 4
                                       : lead >= 0xE0U ? 3
                                       : lead >= 0xC0U ? 2
                                                       : 1;
            return length > back ? at : text.size();
        }
    }
    return text.size();
}

}  // namespace

json_verdict check_json_object(std::string_view text) {
    auto const first = text.find_first_not_of(blanks);
    if (first == std::string_view::npos || text[first] != '{') {
        return json_verdict::bad;
    }
    json::parse_options options;
    options.max_depth = max_json_depth;
    options.allow_invalid_utf8 = true;
    json::basic_parser<keep_nothing> parser(options);
    error_code why;
    auto const used = parser.write_some(false, text.data(), text.size(), why);
    if (why) {
        return mending_may_help(why) ? json_verdict::mendable : json_verdict::bad;
    }
    return text.find_first_not_of(blanks, used) == std::string_view::npos ? json_verdict::good
                                                                          : json_verdict::bad;
}

std::string mend_json(std::string_view text) {
    constexpr std::string_view no_numbers[] = {"NaN", "-Infinity", "Infinity"};
    std::string out;
    out.reserve(text.size() + text.size() / 3 + 1);  // "NaN" grows by one: it never moves
    std::size_t at = 0;
    while (at < text.size()) {
        auto const special = std::min(text.find_first_of("\"NI-", at), text.size());
        out.append(text.substr(at, special - at));
        at = special;
        if (at == text.size()) {
            break;
        }
        if (text[at] == '"') {
            at = mend_string(text, at, out);
            continue;
        }
        auto const* const token = std::find_if(
            std::begin(no_numbers), std::end(no_numbers),
            [&](std::string_view word) { return text.substr(at, word.size()) == word; });
        if (token != std::end(no_numbers)) {
            out.append("null");
            at += token->size();
        } else {
            out += text[at++];
        }
    }
    return out;
}

std::size_t whole_head(std::string_view head) noexcept {
    constexpr std::size_t longest_escape = 6;
    auto const end = whole_characters(head);
    // Back to where an escape begins that could reach over the cut.
    for (auto at = end; at > 0 && at + longest_escape > end; --at) {
        if (ends_escaping(head.substr(0, at), false)) {
            return at - 1;
        }
    }
    return end;
}

std::size_t begin_of_tail(std::string_view tail, bool escaped) noexcept {
    if (escaped) {
        return std::min<std::size_t>(1, tail.size());  // its digits are text like any other
    }
    constexpr std::size_t longest_character = 4;
    std::size_t at = 0;
    while (at + 1 < longest_character && continues_character(tail, at)) {
        ++at;
    }
    return at;
}

bool ends_escaping(std::string_view text, bool escaped) noexcept {
    std::size_t slashes = 0;
    while (slashes < text.size() && text[text.size() - slashes - 1] == '\\') {
        ++slashes;
    }
    bool const first_is_one = slashes == text.size() && escaped;
    return (slashes - (first_is_one ? 1 : 0)) % 2 == 1;
}

}  // namespace kernelproto
