// SPDX-License-Identifier: Apache-2.0
// signalfd(2). Never loses a signal that came before it was asked for. One thread.
#include "broker/daemon/client_signals.hpp"

#include <sys/signalfd.h>

namespace broker {

client_signals::client_signals() {
    sigset_t wanted{};
    sigemptyset(&wanted);
    sigaddset(&wanted, SIGINT);
    sigaddset(&wanted, SIGTERM);
    sigaddset(&wanted, SIGHUP);
    ::pthread_sigmask(SIG_BLOCK, &wanted, &before_);
    fd_.reset(::signalfd(-1, &wanted, SFD_NONBLOCK | SFD_CLOEXEC));
    (void)std::signal(SIGPIPE, SIG_IGN);
}

client_signals::~client_signals() { ::pthread_sigmask(SIG_SETMASK, &before_, nullptr); }

int client_signals::take() noexcept {
    signalfd_siginfo info{};
    return ::read(fd_.get(), &info, sizeof(info)) == sizeof(info) ? static_cast<int>(info.ssi_signo)
                                                                  : 0;
}

}  // namespace broker
