// SPDX-License-Identifier: Apache-2.0
// Percent-encoding, both ways. Never accepts half an escape. Pure; any thread.
#include "http/proto/percent.hpp"

#include "http/proto/ascii.hpp"
#include "http/proto/json_text.hpp"

namespace http {
namespace {

std::optional<char> escape_at(std::string_view raw, std::size_t at) {
    if (at + 2 >= raw.size()) {
        return std::nullopt;
    }
    int const high = ascii::hex_value(raw[at + 1]);
    int const low = ascii::hex_value(raw[at + 2]);
    if (high < 0 || low < 0) {
        return std::nullopt;
    }
    return static_cast<char>(high * 16 + low);
}

std::optional<std::string> decode_query_part(std::string_view raw) {
    std::string out;
    for (std::size_t i = 0; i < raw.size(); ++i) {
        char c = raw[i] == '+' ? ' ' : raw[i];
        if (raw[i] == '%') {
            auto const escaped = escape_at(raw, i);
            if (!escaped) {
                return std::nullopt;
            }
            c = *escaped;
            i += 2;
        }
        if (ascii::is_control(c)) {
            return std::nullopt;
        }
        out += c;
    }
    if (!is_utf8(out)) {
        return std::nullopt;
    }
    return out;
}

}  // namespace

std::optional<std::string> decode_path(std::string_view raw) {
    std::string out;
    out.reserve(raw.size());
    for (std::size_t i = 0; i < raw.size(); ++i) {
        if (raw[i] != '%') {
            if (raw[i] == '\0') {
                return std::nullopt;
            }
            out += raw[i];
            continue;
        }
        auto const escaped = escape_at(raw, i);
        if (!escaped || *escaped == '/' || *escaped == '\0') {
            return std::nullopt;
        }
        out += *escaped;
        i += 2;
    }
    return out;
}

std::optional<std::string> decode_segment(std::string_view raw) {
    if (raw.find('/') != std::string_view::npos) {
        return std::nullopt;
    }
    return decode_path(raw);
}

std::string encode_path(std::string_view bytes) {
    static constexpr char digits[] = "0123456789ABCDEF";
    std::string out;
    out.reserve(bytes.size());
    for (char const c : bytes) {
        if (ascii::is_alnum(c) || std::string_view{"-._~/"}.find(c) != std::string_view::npos) {
            out += c;
        } else {
            auto const byte = static_cast<unsigned char>(c);
            out += '%';
            out += digits[byte >> 4U];
            out += digits[byte & 15U];
        }
    }
    return out;
}

std::optional<std::vector<query_entry>> parse_query(std::string_view raw) {
    std::vector<query_entry> entries;
    while (!raw.empty()) {
        auto const part = raw.substr(0, raw.find('&'));
        raw.remove_prefix(std::min(part.size() + 1, raw.size()));
        if (part.empty()) {
            continue;
        }
        auto const equals = part.find('=');
        auto name = decode_query_part(part.substr(0, equals));
        auto value = decode_query_part(equals == std::string_view::npos ? std::string_view{}
                                                                        : part.substr(equals + 1));
        if (!name || name->empty() || !value) {
            return std::nullopt;
        }
        entries.emplace_back(std::move(*name), std::move(*value));
    }
    return entries;
}

}  // namespace http
