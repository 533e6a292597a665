// SPDX-License-Identifier: Apache-2.0
// Which host names are served: what keeps a web page from reaching a local broker through a name
// that resolves to 127.0.0.1. Never resolves a name. Immutable; any thread.
#pragma once

#include "http/proto/message.hpp"

#include <optional>
#include <string>
#include <vector>

namespace http::api {

class host_guard {
public:
    /// `loopback_only`: the listener is a loopback address, so that only its names and
    /// `allowed_hosts` are served. Elsewhere any name is, unless `allowed_hosts` is not empty.
    /// An allowed host with a port matches that port only. A unix socket serves any name.
    host_guard(bool loopback_only, std::vector<std::string> allowed_hosts)
        : loopback_only_(loopback_only), allowed_(std::move(allowed_hosts)) {}

    /// The 421 to send, or nothing.
    std::optional<response> check(request const& incoming) const;

private:
    bool loopback_only_;
    std::vector<std::string> allowed_;
};

}  // namespace http::api
