// SPDX-License-Identifier: Apache-2.0
// Taking request targets apart. Never accepts user information in an authority. Pure; any thread.
#include "http/proto/target.hpp"

#include "http/proto/ascii.hpp"
#include "http/proto/head_guard.hpp"

namespace http {

std::optional<target_parts> parse_target(std::string_view target) {
    target_parts parts;
    for (std::string_view const scheme : {"http://", "https://"}) {
        if (!ascii::equal(target.substr(0, scheme.size()), scheme)) {
            continue;
        }
        target.remove_prefix(scheme.size());
        parts.authority = target.substr(0, target.find_first_of("/?"));
        target.remove_prefix(parts.authority.size());
        if (parts.authority.empty() || !is_host(parts.authority)) {
            return std::nullopt;
        }
        if (target.empty() || target[0] == '?') {
            parts.path = "/";
            parts.query = target.substr(target.empty() ? 0 : 1);
            return parts;
        }
        break;
    }
    if (target.empty() || target[0] != '/') {
        return std::nullopt;
    }
    auto const mark = target.find('?');
    parts.path = target.substr(0, mark);
    parts.query = mark == std::string_view::npos ? std::string_view{} : target.substr(mark + 1);
    return parts;
}

}  // namespace http
