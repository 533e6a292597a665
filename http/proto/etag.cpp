// SPDX-License-Identifier: Apache-2.0
// Comparison of entity tags. Never matches by prefix or without quotes. Pure; any thread.
#include "http/proto/etag.hpp"

#include "http/proto/ascii.hpp"
#include "http/proto/http_date.hpp"

namespace http {
namespace {

/// All values of a field as one list.
std::optional<std::string> joined(fields const& headers, std::string_view name) {
    std::optional<std::string> out;
    for (auto const& [key, value] : headers.entries()) {
        if (ascii::equal(key, name)) {
            out = out ? *out + "," + value : value;
        }
    }
    return out;
}

}  // namespace

std::string quote_tag(std::string_view tag) { return '"' + std::string(tag) + '"'; }

bool names_tag(std::string_view list, std::optional<std::string> const& tag, bool weak) {
    list = ascii::trim(list);
    if (!tag || list == "*") {
        return tag.has_value() && list == "*";
    }
    while (!list.empty()) {
        bool const is_weak = list.starts_with("W/");
        list.remove_prefix(is_weak ? 2 : 0);
        auto const end = list.starts_with('"') ? list.find('"', 1) : std::string_view::npos;
        if (end == std::string_view::npos) {
            return false;
        }
        if (list.substr(1, end - 1) == *tag && (weak || !is_weak)) {
            return true;
        }
        list.remove_prefix(end + 1);
        list.remove_prefix(std::min(list.find_first_not_of(" \t,"), list.size()));
    }
    return false;
}

precondition check_preconditions(request const& incoming, resource_state const& now) {
    bool const reads = incoming.method == "GET" || incoming.method == "HEAD";
    if (auto const match = joined(incoming.headers, "If-Match");
        match && !names_tag(*match, now.tag, false)) {
        return precondition::failed;
    }
    if (auto const none = joined(incoming.headers, "If-None-Match")) {
        if (names_tag(*none, now.tag, true)) {
            return reads ? precondition::not_modified : precondition::failed;
        }
        return precondition::holds;
    }
    auto const* const since = incoming.headers.find("If-Modified-Since");
    if (reads && since != nullptr && now.modified_unix) {
        auto const limit = parse_http_date(*since);
        if (limit && *now.modified_unix <= *limit) {
            return precondition::not_modified;
        }
    }
    return precondition::holds;
}

}  // namespace http
