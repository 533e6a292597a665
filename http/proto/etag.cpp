// SPDX-License-Identifier: Apache-2.0
// Comparison of entity tags. Never matches by prefix or without quotes. Pure; any thread.
#include "http/proto/etag.hpp"

#include "http/proto/ascii.hpp"
#include "http/proto/http_date.hpp"

namespace http {
std::string quote_tag(std::string_view tag) { return '"' + std::string(tag) + '"'; }

bool names_tag(std::string_view list, std::optional<std::string> const& tag, bool weak) {
    list = ascii::trim(list);
    if (!tag || list == "*") {
        return tag.has_value() && list == "*";
    }
    auto const next = [&list] {
        list.remove_prefix(std::min(list.find_first_not_of(" \t,"), list.size()));
    };
    for (next(); !list.empty(); next()) {
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
    }
    return false;
}

preconditions::preconditions(request const& incoming)
    : reads_(incoming.method == "GET" || incoming.method == "HEAD"),
      match_(incoming.headers.joined("If-Match")),
      none_match_(incoming.headers.joined("If-None-Match")) {
    auto const date = [&incoming](std::string_view name) {
        auto const text = incoming.headers.joined(name);
        return text ? parse_http_date(*text) : std::nullopt;
    };
    unmodified_ = match_ ? std::nullopt : date("If-Unmodified-Since");
    modified_ = reads_ && !none_match_ ? date("If-Modified-Since") : std::nullopt;
}

precondition preconditions::check(resource_state const& now) const {
    if (match_ && !names_tag(*match_, now.tag, false)) {
        return precondition::failed;
    }
    if (unmodified_ && now.modified_unix && *now.modified_unix > *unmodified_) {
        return precondition::failed;
    }
    if (none_match_ && names_tag(*none_match_, now.tag, true)) {
        return reads_ ? precondition::not_modified : precondition::failed;
    }
    if (modified_ && now.modified_unix && *now.modified_unix <= *modified_) {
        return precondition::not_modified;
    }
    return precondition::holds;
}

}  // namespace http
