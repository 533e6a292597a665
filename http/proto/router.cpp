// SPDX-License-Identifier: Apache-2.0
// Matching of paths against the sorted table. Never backtracks: a pattern fits or it does not.
// Immutable; any thread.
#include "http/proto/router.hpp"

#include "http/proto/ascii.hpp"

#include <algorithm>
#include <stdexcept>

namespace http {
namespace {

std::logic_error bad_pattern(std::string_view pattern) {
    return std::logic_error("router: bad or doubled pattern " + std::string(pattern));
}

bool is_name(std::string_view text) {
    return !text.empty() && std::all_of(text.begin(), text.end(),
                                        [](char c) { return ascii::is_alnum(c) || c == '_'; });
}

/// Cuts the next segment off `rest`, which starts with '/'.
std::string_view take_segment(std::string_view& rest) {
    rest.remove_prefix(1);
    auto const text = rest.substr(0, rest.find('/'));
    rest.remove_prefix(text.size());
    return text;
}

}  // namespace

std::string_view routing::raw(std::string_view name) const noexcept {
    auto const found = std::find_if(params.begin(), params.end(),
                                    [&](auto const& entry) { return entry.first == name; });
    return found == params.end() ? std::string_view{} : found->second;
}

std::vector<router::segment> router::parse(std::string_view pattern) {
    if (pattern.empty() || pattern[0] != '/') {
        throw bad_pattern(pattern);
    }
    std::vector<segment> segments;
    for (auto rest = pattern; !rest.empty();) {
        auto text = take_segment(rest);
        if (!text.starts_with('{')) {
            if (text.empty() && pattern != "/") {
                throw bad_pattern(pattern);
            }
            segments.push_back({segment::kind::literal, text});
            continue;
        }
        bool const tail = text.ends_with("...}");
        text.remove_prefix(1);
        text.remove_suffix(std::min<std::size_t>(tail ? 4 : 1, text.size()));
        if (!is_name(text) || (tail && !rest.empty())) {
            throw bad_pattern(pattern);
        }
        segments.push_back({tail ? segment::kind::tail : segment::kind::param, text});
    }
    return segments;
}

bool router::before(compiled const& a, compiled const& b) {
    return std::lexicographical_compare(a.segments.begin(), a.segments.end(), b.segments.begin(),
                                        b.segments.end(), [](segment const& x, segment const& y) {
                                            return std::pair(x.what, x.text) <
                                                   std::pair(y.what, y.text);
                                        });
}

router::router(std::vector<route> table) : table_(std::move(table)) {
    for (std::size_t i = 0; i < table_.size(); ++i) {
        auto segments = parse(table_[i].pattern);
        auto const same = std::find_if(sorted_.begin(), sorted_.end(),
                                       [&](compiled const& c) { return c.segments == segments; });
        if (same == sorted_.end()) {
            sorted_.push_back({std::move(segments), {i}});
        } else if (by_method(*same, table_[i].method)) {
            throw bad_pattern(table_[i].pattern);
        } else {
            same->routes.push_back(i);
        }
    }
    std::sort(sorted_.begin(), sorted_.end(), before);
}

bool router::fits(compiled const& candidate, std::string_view path, params& found) {
    found.clear();
    for (auto const& wanted : candidate.segments) {
        if (path.empty()) {
            return false;
        }
        if (wanted.what == segment::kind::tail) {
            found.emplace_back(wanted.text, path.substr(1));
            return true;
        }
        auto const text = take_segment(path);
        if (wanted.what == segment::kind::literal ? text != wanted.text : text.empty()) {
            return false;
        }
        if (wanted.what == segment::kind::param) {
            found.emplace_back(wanted.text, text);
        }
    }
    return path.empty();
}

std::optional<std::size_t> router::by_method(compiled const& candidate,
                                             std::string_view method) const {
    for (auto const index : candidate.routes) {
        if (table_[index].method == method) {
            return index;
        }
    }
    return std::nullopt;
}

void router::collect(compiled const& candidate, std::vector<std::string_view>& methods) const {
    for (auto const index : candidate.routes) {
        methods.push_back(table_[index].method);
        if (table_[index].method == "GET") {
            methods.emplace_back("HEAD");
        }
    }
}

routing router::find(std::string_view method, std::string_view path) const {
    routing answer;
    if (path.empty() || path[0] != '/') {
        return answer;
    }
    std::vector<std::string_view> methods;
    for (auto const& candidate : sorted_) {
        if (!fits(candidate, path, answer.params)) {
            continue;
        }
        auto index = by_method(candidate, method);
        if (!index && method == "HEAD") {
            index = by_method(candidate, "GET");
        }
        if (index) {
            answer.kind = routing::outcome::found;
            answer.route = *index;
            return answer;
        }
        if (methods.empty()) {
            answer.route = candidate.routes.front();
        }
        collect(candidate, methods);
    }
    answer.params.clear();
    if (!methods.empty()) {
        answer.kind = routing::outcome::method_not_allowed;
        std::sort(methods.begin(), methods.end());
        methods.erase(std::unique(methods.begin(), methods.end()), methods.end());
        for (auto const name : methods) {
            answer.allow += answer.allow.empty() ? "" : ", ";
            answer.allow += name;
        }
    }
    return answer;
}

}  // namespace http
