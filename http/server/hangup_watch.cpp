// SPDX-License-Identifier: Apache-2.0
// Waiting for a socket to become readable, and looking why. Never touches a connection that has
// been let go: what waits holds the state and not the socket. On the loop.
#include "http/server/hangup_watch.hpp"

#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <sys/socket.h>

#include <cerrno>
#include <utility>
#include <vector>

namespace http {

struct hangup_watch::state : std::enable_shared_from_this<hangup_watch::state> {
    explicit state(connection_io::socket_type& s) : socket(s) {}

    void wait();
    void look();

    connection_io::socket_type& socket;  // not to be touched once `stopped`
    std::vector<std::function<void()>> told;
    boost::asio::cancellation_signal cancel;
    bool waiting = false;
    bool stopped = false;
};

void hangup_watch::state::wait() {
    waiting = true;
    auto looks = [self = shared_from_this()](boost::system::error_code const& ec) {
        self->waiting = false;
        if (!ec && !self->stopped) {
            self->look();
        }
    };
    socket.async_wait(connection_io::socket_type::wait_read,
                      boost::asio::bind_cancellation_slot(cancel.slot(), std::move(looks)));
}

void hangup_watch::state::look() {
    char byte = 0;
    auto const seen = recv(socket.native_handle(), &byte, 1, MSG_PEEK | MSG_DONTWAIT);
    if (seen < 0 && (errno == EAGAIN || errno == EINTR)) {
        wait();
        return;
    }
    // Behind bytes an end cannot be seen; they stay for the next request, which sees it.
    auto const asked = std::exchange(told, {});
    for (auto gone = asked.begin(); seen <= 0 && !stopped && gone != asked.end(); ++gone) {
        (*gone)();
    }
}

void hangup_watch::on_hangup(std::function<void()> gone) {
    if (!body_.is_last()) {
        return;
    }
    if (!state_) {
        state_ = std::make_shared<state>(socket_);
    }
    state_->told.push_back(std::move(gone));
    if (!state_->waiting) {
        state_->wait();
    }
}

void hangup_watch::stop() {
    auto const ended = std::exchange(state_, nullptr);
    if (!ended) {
        return;
    }
    ended->stopped = true;
    ended->told.clear();
    if (ended->waiting) {
        // This wait alone, not `socket.cancel()`, which would end a write that goes on.
        ended->cancel.emit(boost::asio::cancellation_type::terminal);
    }
}

}  // namespace http
