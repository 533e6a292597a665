// SPDX-License-Identifier: Apache-2.0
// JSON strings from bytes of any kind. Never lets a control character or a broken sequence through.
// Pure; any thread.
#include "http/proto/json_text.hpp"

namespace http {
namespace {

bool in(char c, unsigned low, unsigned high) noexcept {
    auto const byte = static_cast<unsigned char>(c);
    return byte >= low && byte <= high;
}

void append_escape(std::string& out, unsigned char c) {
    static constexpr char digits[] = "0123456789abcdef";
    out += "\\u00";
    out += digits[c >> 4U];
    out += digits[c & 15U];
}

}  // namespace

std::size_t utf8_sequence(std::string_view text) noexcept {
    if (text.empty()) {
        return 0;
    }
    char const lead = text[0];
    if (in(lead, 0x00, 0x7f)) {
        return 1;
    }
    // The second byte decides about overlong forms, surrogates and what lies above U+10FFFF.
    std::size_t length = 0;
    unsigned low = 0x80;
    unsigned high = 0xbf;
    if (in(lead, 0xc2, 0xdf)) {
        length = 2;
    } else if (in(lead, 0xe0, 0xef)) {
        length = 3;
        low = in(lead, 0xe0, 0xe0) ? 0xa0 : 0x80;
        high = in(lead, 0xed, 0xed) ? 0x9f : 0xbf;
    } else if (in(lead, 0xf0, 0xf4)) {
        length = 4;
        low = in(lead, 0xf0, 0xf0) ? 0x90 : 0x80;
        high = in(lead, 0xf4, 0xf4) ? 0x8f : 0xbf;
    }
    if (length == 0 || text.size() < length || !in(text[1], low, high)) {
        return 0;
    }
    for (std::size_t i = 2; i < length; ++i) {
        if (!in(text[i], 0x80, 0xbf)) {
            return 0;
        }
    }
    return length;
}

bool is_utf8(std::string_view text) noexcept {
    while (!text.empty()) {
        auto const length = utf8_sequence(text);
        if (length == 0) {
            return false;
        }
        text.remove_prefix(length);
    }
    return true;
}

void append_json_string(std::string& out, std::string_view text) {
    out += '"';
    while (!text.empty()) {
        auto const length = utf8_sequence(text);
        char const c = text[0];
        if (length == 0) {
            out += "\xef\xbf\xbd";
        } else if (c == '"' || c == '\\') {
            out += '\\';
            out += c;
        } else if (c == '\n') {
            out += "\\n";
        } else if (length == 1 && in(c, 0x00, 0x1f)) {
            append_escape(out, static_cast<unsigned char>(c));
        } else {
            out.append(text.substr(0, length));
        }
        text.remove_prefix(length == 0 ? 1 : length);
    }
    out += '"';
}

}  // namespace http
