// SPDX-License-Identifier: Apache-2.0
// Reading of media types and of the preferences in Accept. Pure; any thread.
#include "http/proto/media_type.hpp"

#include "http/proto/ascii.hpp"
#include "http/proto/header_params.hpp"

#include <algorithm>

namespace http {
namespace {

struct range {
    media_type what;
    unsigned quality = 1000;
};

/// qvalue of RFC 9110 §12.4.2 in thousandths.
std::optional<unsigned> parse_quality(std::string_view text) {
    if (text.empty() || text.size() > 5 || (text[0] != '0' && text[0] != '1') ||
        (text.size() > 1 && text[1] != '.')) {
        return std::nullopt;
    }
    unsigned value = text[0] == '1' ? 1000 : 0;
    unsigned weight = 100;
    for (char const c : text.substr(std::min<std::size_t>(2, text.size()))) {
        if (!ascii::is_digit(c)) {
            return std::nullopt;
        }
        value += weight * static_cast<unsigned>(c - '0');
        weight /= 10;
    }
    return value <= 1000 ? std::optional(value) : std::nullopt;
}

/// The elements of a comma-separated list, commas in quoted strings left alone.
std::vector<std::string_view> split_list(std::string_view text) {
    std::vector<std::string_view> out;
    std::size_t from = 0;
    bool quoted = false;
    for (std::size_t i = 0; i <= text.size(); ++i) {
        if (i == text.size() || (text[i] == ',' && !quoted)) {
            if (auto const element = ascii::trim(text.substr(from, i - from)); !element.empty()) {
                out.push_back(element);
            }
            from = i + 1;
        } else if (text[i] == '"') {
            quoted = !quoted;
        } else if (text[i] == '\\' && quoted) {
            ++i;
        }
    }
    return out;
}

/// Empty if anything in it is malformed.
std::vector<range> parse_accept(std::string_view accept) {
    std::vector<range> ranges;
    for (auto const element : split_list(accept)) {
        auto type = parse_media_type(element);
        if (!type) {
            return {};
        }
        range one{std::move(*type), 1000};
        if (auto const* const q = one.what.param("q")) {
            auto const quality = parse_quality(*q);
            if (!quality) {
                return {};
            }
            one.quality = *quality;
        }
        ranges.push_back(std::move(one));
    }
    return ranges;
}

}  // namespace

std::string const* media_type::param(std::string_view name) const {
    auto const found = std::find_if(params.begin(), params.end(),
                                    [&](auto const& entry) { return entry.first == name; });
    return found == params.end() ? nullptr : &found->second;
}

std::optional<media_type> parse_media_type(std::string_view text) {
    text = ascii::trim(text);
    auto const head = ascii::trim(text.substr(0, text.find(';')));
    auto const slash = head.find('/');
    if (slash == std::string_view::npos || !ascii::is_token(head.substr(0, slash)) ||
        !ascii::is_token(head.substr(slash + 1))) {
        return std::nullopt;
    }
    auto params = parse_header_params(text.substr(std::min(text.find(';'), text.size())));
    if (!params) {
        return std::nullopt;
    }
    return media_type{ascii::to_lower(head.substr(0, slash)),
                      ascii::to_lower(head.substr(slash + 1)), std::move(*params)};
}

bool is_json(media_type const& type) {
    auto const* const charset = type.param("charset");
    return type.is("application", "json") &&
           (charset == nullptr || ascii::equal(*charset, "utf-8") ||
            ascii::equal(*charset, "utf8"));
}

unsigned accept_quality(std::string_view accept, std::string_view type, std::string_view subtype) {
    auto const ranges = parse_accept(accept);
    if (ranges.empty()) {
        return 1000;
    }
    unsigned best = 0;
    int best_rank = -1;
    for (auto const& one : ranges) {
        bool const any_type = one.what.is("*", "*");
        bool const any_subtype = one.what.type == type && one.what.subtype == "*";
        bool const exact = one.what.is(type, subtype);
        int const rank = exact ? 2 : any_subtype ? 1 : any_type ? 0 : -1;
        if (rank > best_rank) {
            best_rank = rank;
            best = one.quality;
        }
    }
    return best;
}

}  // namespace http
