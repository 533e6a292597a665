// SPDX-License-Identifier: Apache-2.0
// One blocking connection to a broker, over TCP or a unix socket, whose waits others can end.
// Never waits without a deadline, except for a name's address. One owner; one thread.
#pragma once

#include "broker/base/unique_fd.hpp"
#include "broker/client/server_url.hpp"

#include <chrono>
#include <string>
#include <string_view>

namespace broker::client {

using deadline = std::chrono::steady_clock::time_point;

inline deadline in(std::chrono::milliseconds time) {
    return std::chrono::steady_clock::now() + time;
}

/// Descriptors that end a wait when they can be read, and are not read here; -1: none.
struct wakers {
    int signal = -1;
    int input = -1;
};

enum class wait_end { ready, signal, input, timed_out };

/// Waits for `events` (poll(2)) of `fd`, which may be -1. A signal goes before all else, what is
/// ready before input.
wait_end wait_on(int fd, short events, wakers const& also, deadline until);

class connection {
public:
    /// A signal ends the attempt like an error.
    static result<connection> open(server_url const& to, wakers const& also, deadline until);

    result<void> send(std::string_view bytes, wakers const& also, deadline until);

    enum class received { bytes, closed, signal, input, timed_out };
    /// Bytes replace what is in `into`. An error of the connection counts as closed.
    received receive(std::string& into, wakers const& also, deadline until);

private:
    explicit connection(unique_fd socket) : socket_(std::move(socket)) {}

    unique_fd socket_;
};

}  // namespace broker::client
