// SPDX-License-Identifier: Apache-2.0
// The one validator of file names from outside. Never repairs a name: `a//b`, `./a` and `a/` are
// refused, so that one file has one path. Pure; any thread.
#include "broker/core/workspace_path.hpp"

#include <algorithm>

namespace broker {
namespace {

int hex_value(char c) {
    if (c >= '0' && c <= '9') {
        return c - '0';
    }
    if (c >= 'a' && c <= 'f') {
        return c - 'a' + 10;
    }
    return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

/// Why a part cannot be the name of a file or folder; nullptr if it can.
char const* fault_of(std::string_view part) {
    if (part.empty()) {
        return "a file path has no empty part: no slash at its start or end, no two in a row";
    }
    if (part == "." || part == "..") {
        return "a file path has no part '.' or '..'";
    }
    if (part.size() > workspace_path::max_part) {
        return "a part of a file path has at most 255 bytes";
    }
    return nullptr;
}

char const* fault_of_path(std::string_view text) {
    if (text.empty()) {
        return "a file path is needed";
    }
    if (text.size() > workspace_path::max_bytes) {
        return "a file path has at most 4096 bytes";
    }
    if (text.find('\0') != std::string_view::npos) {
        return "a file path has no NUL byte";
    }
    std::size_t depth = 0;
    for (std::size_t at = 0; at <= text.size();) {
        auto const end = std::min(text.find('/', at), text.size());
        if (auto const* fault = fault_of(text.substr(at, end - at))) {
            return fault;
        }
        if (++depth > workspace_path::max_depth) {
            return "a file path has at most 32 parts";
        }
        at = end + 1;
    }
    return nullptr;
}

bool is_unreserved(char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
           c == '.' || c == '_' || c == '~';
}

}  // namespace

result<workspace_path> workspace_path::from_url(std::string_view raw) {
    // Every byte is at most three characters; longer ones need not be decoded to be refused.
    if (raw.size() > 3 * max_bytes) {
        return fail(errc::invalid_path, "a file path has at most 4096 bytes");
    }
    std::string text;
    text.reserve(raw.size());
    for (std::size_t i = 0; i < raw.size(); ++i) {
        if (raw[i] != '%') {
            text += raw[i];
            continue;
        }
        int const high = i + 2 < raw.size() ? hex_value(raw[i + 1]) : -1;
        int const low = i + 2 < raw.size() ? hex_value(raw[i + 2]) : -1;
        if (high < 0 || low < 0) {
            return fail(errc::invalid_path,
                        "a '%' in a file path is followed by two hexadecimal digits");
        }
        auto const byte = static_cast<char>(high * 16 + low);
        if (byte == '/') {
            return fail(
                errc::invalid_path,
                "%2F is not allowed in a file path: folders are separated by a plain slash");
        }
        text += byte;
        i += 2;
    }
    return from_text(text);
}

result<workspace_path> workspace_path::from_text(std::string_view text) {
    if (auto const* fault = fault_of_path(text)) {
        return fail(errc::invalid_path, fault);
    }
    return workspace_path{std::string{text}};
}

std::string to_url(std::string_view path) {
    constexpr std::string_view digits = "0123456789ABCDEF";
    std::string url;
    url.reserve(path.size());
    for (char const c : path) {
        if (is_unreserved(c) || c == '/') {
            url += c;
            continue;
        }
        auto const byte = static_cast<unsigned char>(c);
        url += '%';
        url += digits[byte >> 4U];
        url += digits[byte & 15U];
    }
    return url;
}

}  // namespace broker
