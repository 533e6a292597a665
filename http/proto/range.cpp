// SPDX-License-Identifier: Apache-2.0
// Reading of Range and If-Range. Never computes past the end of a file. Pure; any thread.
#include "http/proto/range.hpp"

#include "http/proto/ascii.hpp"
#include "http/proto/http_date.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace http {
namespace {

/// Without If-Range a range always counts; with it only if the file is still the one it names.
bool still_the_same(request const& incoming, resource_state const& now) {
    auto const* const condition = incoming.headers.find("If-Range");
    if (condition == nullptr) {
        return true;
    }
    if (incoming.headers.count("If-Range") != 1) {
        return false;
    }
    if (auto const date = parse_http_date(*condition)) {
        return now.modified_unix == date;
    }
    return *condition != "*" && names_tag(*condition, now.tag, false);
}

}  // namespace

range_choice choose_range(request const& incoming, std::uint64_t size, resource_state const& now) {
    range_choice const whole{range_choice::outcome::whole, 0, size};
    auto const* const header = incoming.headers.find("Range");
    if (header == nullptr || incoming.headers.count("Range") != 1 || incoming.method != "GET" ||
        !still_the_same(incoming, now)) {
        return whole;
    }
    auto const text = ascii::trim(*header);
    auto const equals = text.find('=');
    if (equals == std::string_view::npos || !ascii::equal(text.substr(0, equals), "bytes")) {
        return whole;
    }
    auto const spec = ascii::trim(text.substr(equals + 1));
    auto const dash = spec.find('-');
    if (dash == std::string_view::npos) {
        return whole;
    }
    auto const first = ascii::to_number(spec.substr(0, dash));
    auto const last = ascii::to_number(spec.substr(dash + 1));
    bool const suffix = dash == 0;
    bool const open = dash + 1 == spec.size();
    if ((!suffix && !first) || (!open && !last) || (suffix && open) ||
        (first && last && *last < *first)) {
        return whole;
    }
    if (suffix) {
        auto const length = std::min(*last, size);
        return length == 0 ? range_choice{range_choice::outcome::unsatisfiable, 0, 0}
                           : range_choice{range_choice::outcome::part, size - length, length};
    }
    if (*first >= size) {
        return {range_choice::outcome::unsatisfiable, 0, 0};
    }
    auto const end = open ? size - 1 : std::min(*last, size - 1);
    return {range_choice::outcome::part, *first, end - *first + 1};
}

std::string content_range(range_choice const& part, std::uint64_t size) {
    return fmt::format("bytes {}-{}/{}", part.offset, part.offset + part.length - 1, size);
}

}  // namespace http
