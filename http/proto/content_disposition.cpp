// SPDX-License-Identifier: Apache-2.0
// File names in headers, both ways. Never drops a byte silently except control characters.
// Pure; any thread.
#include "http/proto/content_disposition.hpp"

#include "http/proto/ascii.hpp"
#include "http/proto/header_params.hpp"
#include "http/proto/json_text.hpp"
#include "http/proto/percent.hpp"

#include <algorithm>

namespace http {
namespace {

/// UTF-8 without control characters.
std::string clean(std::string_view name) {
    std::string out;
    while (!name.empty()) {
        auto const length = utf8_sequence(name);
        if (length == 0) {
            out += "\xef\xbf\xbd";
        } else if (!ascii::is_control(name[0])) {
            out += name.substr(0, length);
        }
        name.remove_prefix(length == 0 ? 1 : length);
    }
    return out;
}

/// ext-value of RFC 8187; only UTF-8.
std::optional<std::string> decode_extended(std::string_view value) {
    auto const first = value.find('\'');
    auto const second = first == std::string_view::npos ? first : value.find('\'', first + 1);
    if (second == std::string_view::npos || !ascii::equal(value.substr(0, first), "UTF-8")) {
        return std::nullopt;
    }
    // '/' may stand here: a file name from a form is never taken as a path without a check.
    std::string out;
    for (auto rest = value.substr(second + 1); !rest.empty();) {
        auto const size = rest[0] == '%' ? std::size_t{3} : std::size_t{1};
        auto const slash = ascii::equal(rest.substr(0, 3), "%2F");
        auto const part =
            slash ? std::optional<std::string>("/") : decode_path(rest.substr(0, size));
        if (!part) {
            return std::nullopt;
        }
        out += *part;
        rest.remove_prefix(std::min(size, rest.size()));
    }
    return is_utf8(out) ? std::optional(std::move(out)) : std::nullopt;
}

void replace_all(std::string& text, std::string_view what, std::string_view with) {
    for (auto at = text.find(what); at != std::string::npos; at = text.find(what, at + 1)) {
        text.replace(at, what.size(), with);
    }
}

}  // namespace

std::string attachment(std::string_view file_name) {
    auto const name = clean(file_name);
    std::string plain;
    bool exact = true;
    for (char const c : name) {
        bool const keep = static_cast<unsigned char>(c) < 0x80 && c != '"' && c != '\\' && c != '%';
        exact = exact && keep;
        // One underscore for a character, not for each of its bytes.
        if (keep || (static_cast<unsigned char>(c) & 0xc0U) != 0x80U) {
            plain += keep ? c : '_';
        }
    }
    std::string out = "attachment; filename=\"" + plain + '"';
    if (!exact) {
        std::string extended = encode_path(name);
        replace_all(extended, "/", "%2F");
        out += "; filename*=UTF-8''" + extended;
    }
    return out;
}

std::optional<form_disposition> parse_form_disposition(std::string_view value) {
    auto const semicolon = std::min(value.find(';'), value.size());
    if (!ascii::equal(ascii::trim(value.substr(0, semicolon)), "form-data")) {
        return std::nullopt;
    }
    auto params = parse_header_params(value.substr(semicolon), true);
    if (!params) {
        return std::nullopt;
    }
    form_disposition out;
    bool named = false;
    bool extended = false;
    for (auto& [key, text] : *params) {
        if (key == "name") {
            named = true;
            out.name = std::move(text);
        } else if (key == "filename" && !extended) {
            replace_all(text, "%22", "\"");
            out.file_name = std::move(text);
        } else if (key == "filename*") {
            auto decoded = decode_extended(text);
            if (!decoded) {
                return std::nullopt;
            }
            extended = true;
            out.file_name = std::move(*decoded);
        }
    }
    return named ? std::optional(std::move(out)) : std::nullopt;
}

}  // namespace http
