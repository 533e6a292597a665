// SPDX-License-Identifier: Apache-2.0
// A bound address and all connections that came in through it.
// Never holds more connections than its cap, and never dies of a failed accept.
// Lives on the loop; handler and pool outlive it; it is stopped and joined before it is destroyed.
#pragma once

#include "broker/base/async.hpp"
#include "broker/base/result.hpp"
#include "http/server/server_settings.hpp"

#include <cstdint>
#include <memory>
#include <string>
#include <variant>

namespace http {

class handler;

/// Port 0 lets the system choose; `listener::port` tells.
struct tcp_endpoint {
    std::string address = "127.0.0.1";  // textual IPv4 or IPv6
    std::uint16_t port = 8000;
};

/// A socket file that nobody listens on any more is replaced; anything else there is refused.
struct unix_endpoint {
    std::string path;
    unsigned mode = 0600;
};

using endpoint = std::variant<tcp_endpoint, unix_endpoint>;

/// "127.0.0.1:8000", "[::1]:8000" or "unix:/run/kernel-broker.sock".
std::string to_string(endpoint const& where);

/// True for addresses that only this host can reach: 127.0.0.0/8, ::1 and unix sockets.
bool is_local(endpoint const& where);

class listener {
public:
    /// Binds and listens, on the calling thread. A failure names the address, the cause and what to
    /// do, for the operator who starts the program.
    static broker::result<std::unique_ptr<listener>> open(boost::asio::io_context& loop,
                                                          boost::asio::thread_pool& pool,
                                                          endpoint where, handler& handler,
                                                          server_settings settings,
                                                          server_events events);
    listener(listener const&) = delete;
    listener& operator=(listener const&) = delete;
    ~listener();

    /// Starts to accept.
    void start();

    /// Accepts no more, closes idle connections, lets running requests end until `grace` has
    /// passed, then breaks them off. Returns when no connection is left. Once only.
    broker::task<> stop(std::chrono::steady_clock::duration grace);

    /// What was bound, the chosen port included.
    endpoint const& where() const noexcept;
    std::size_t connections() const noexcept;

private:
    struct state;
    explicit listener(std::shared_ptr<state> s);
    std::shared_ptr<state> state_;
};

}  // namespace http
