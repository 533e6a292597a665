// SPDX-License-Identifier: Apache-2.0
// SIGINT, SIGTERM and SIGHUP as something to read, so that what is under way can be ended in order.
// Never runs code in a handler; SIGPIPE is ignored for good: a write says so itself.
// One at a time in a process, made before there is a second thread.
#pragma once

#include "broker/base/unique_fd.hpp"

#include <csignal>

namespace broker {

class client_signals {
public:
    client_signals();
    client_signals(client_signals const&) = delete;
    client_signals& operator=(client_signals const&) = delete;
    /// Signals that nobody took act as they did before.
    ~client_signals();

    /// Can be read when a signal has come.
    int fd() const noexcept { return fd_.get(); }
    /// The signal that has come; 0: none.
    int take() noexcept;

private:
    sigset_t before_{};
    unique_fd fd_;
};

}  // namespace broker
