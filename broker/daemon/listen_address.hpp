// SPDX-License-Identifier: Apache-2.0
// Where the server listens, read from text: HOST:PORT or unix:PATH.
// Never resolves a name: `localhost` is 127.0.0.1, everything else is a number. Values; any thread.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace broker {

struct listen_address {
    std::string unix_path;  // absolute; empty: TCP
    std::string host;       // an IPv4 or IPv6 address without brackets
    std::uint16_t port = 0;

    /// Reachable from this host only (127.0.0.0/8, ::1, or a unix socket).
    bool local_only() const noexcept;
};

/// `127.0.0.1:8000`, `[::1]:8000`, `localhost:8000`, `unix:/run/kernel-broker.sock`. Port 0 lets
/// the system choose. Absent: it is none of these.
std::optional<listen_address> parse_listen_address(std::string_view text);

}  // namespace broker
