// SPDX-License-Identifier: Apache-2.0
// Where a broker is reached, read from text: http://HOST[:PORT][/PREFIX] or unix:/PATH.
// Never resolves a name and never speaks TLS: another scheme is refused with what to do instead.
// Values; any thread.
#pragma once

#include "broker/base/result.hpp"

#include <string>
#include <string_view>

namespace broker::client {

struct server_url {
    std::string unix_path;  // absolute; empty: TCP
    std::string host;       // a name or an address without brackets
    std::string port;       // decimal, 1 to 65535
    std::string authority;  // for the Host header
    std::string prefix;     // in front of every path of the API; no slash at its end
};

/// Errors say what is wrong with the text and what would be right.
result<server_url> parse_server_url(std::string_view text);

}  // namespace broker::client
