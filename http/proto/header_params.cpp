// SPDX-License-Identifier: Apache-2.0
// Reading of header parameters. Never goes on behind what it did not understand. Pure; any thread.
#include "http/proto/header_params.hpp"

#include "http/proto/ascii.hpp"

#include <algorithm>

namespace http {
namespace {

void skip_space(std::string_view& text) {
    text.remove_prefix(std::min(text.find_first_not_of(" \t"), text.size()));
}

}  // namespace

std::string_view take_token(std::string_view& text) {
    auto const end = std::find_if_not(text.begin(), text.end(), ascii::is_token_char);
    auto const token = text.substr(0, static_cast<std::size_t>(end - text.begin()));
    text.remove_prefix(token.size());
    return token;
}

std::optional<std::string> take_quoted(std::string_view& text, bool keep_backslashes) {
    std::string out;
    for (std::size_t i = 0; i < text.size(); ++i) {
        char const c = text[i];
        if (c == '"') {
            text.remove_prefix(i + 1);
            return out;
        }
        bool const escape =
            c == '\\' && i + 1 < text.size() && (!keep_backslashes || text[i + 1] == '"');
        out += escape ? text[++i] : c;
    }
    return std::nullopt;
}

std::optional<header_params> parse_header_params(std::string_view text, bool keep_backslashes) {
    header_params out;
    for (;;) {
        skip_space(text);
        if (text.empty()) {
            return out;
        }
        if (text[0] != ';') {
            return std::nullopt;
        }
        text.remove_prefix(1);
        skip_space(text);
        if (text.empty() || text[0] == ';') {
            continue;  // an empty parameter is allowed (RFC 9110 §5.6.6)
        }
        auto name = ascii::to_lower(take_token(text));
        if (name.empty() || text.empty() || text[0] != '=') {
            return std::nullopt;
        }
        text.remove_prefix(1);
        std::optional<std::string> value;
        if (!text.empty() && text[0] == '"') {
            text.remove_prefix(1);
            value = take_quoted(text, keep_backslashes);
        } else if (auto const token = take_token(text); !token.empty()) {
            value = token;
        }
        bool const twice = std::any_of(out.begin(), out.end(),
                                       [&](auto const& entry) { return entry.first == name; });
        if (!value || twice) {
            return std::nullopt;
        }
        out.emplace_back(std::move(name), std::move(*value));
    }
}

}  // namespace http
