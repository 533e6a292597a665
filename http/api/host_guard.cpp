// SPDX-License-Identifier: Apache-2.0
// The comparison of Host with the names that are served. Never trusts a suffix. Any thread.
#include "http/api/host_guard.hpp"

#include "http/proto/ascii.hpp"
#include "http/proto/refusal.hpp"

#include <algorithm>
#include <array>

namespace http::api {
namespace {

constexpr std::array<std::string_view, 3> loopback_names{"localhost", "127.0.0.1", "[::1]"};

/// Host without its port; empty if what follows the name is no port.
std::string_view name_of(std::string_view authority) {
    auto const from = authority.starts_with('[') ? authority.find(']') : 0;
    auto const colon = from == std::string_view::npos ? from : authority.find(':', from);
    if (colon == std::string_view::npos) {
        return authority;
    }
    auto const port = authority.substr(colon + 1);
    bool const digits = std::all_of(port.begin(), port.end(), ascii::is_digit);
    return digits ? authority.substr(0, colon) : std::string_view{};
}

}  // namespace

std::optional<response> host_guard::check(request const& incoming) const {
    bool const any = incoming.unix_socket || (!loopback_only_ && allowed_.empty());
    if (any) {
        return std::nullopt;
    }
    std::string_view const authority = incoming.authority;
    auto const name = name_of(authority);
    auto const matches = [&](std::string_view host) {
        return !name.empty() && (ascii::equal(host, name) || ascii::equal(host, authority));
    };
    bool const known =
        (loopback_only_ && std::any_of(loopback_names.begin(), loopback_names.end(), matches)) ||
        std::any_of(allowed_.begin(), allowed_.end(), matches);
    if (known) {
        return std::nullopt;
    }
    return refuse(refusal::wrong_host,
                  "Ask for localhost, or let the operator add this name to allowed_hosts.");
}

}  // namespace http::api
