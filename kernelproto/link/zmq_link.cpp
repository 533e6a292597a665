// SPDX-License-Identifier: Apache-2.0
// Taking in, handing on, and finding out how a connection ended.
// Never calls back from `send` or `close`, and nothing at all after `close`. Loop thread only.
#include "kernelproto/link/zmq_link.hpp"

#include "kernelproto/link/link_errc.hpp"
#include "kernelproto/link/socket_file.hpp"

#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <zmq.h>

#include <algorithm>
#include <chrono>
#include <cstring>
#include <utility>

namespace kernelproto {
namespace {

/// Taking a message in costs about a microsecond.
constexpr int take_per_turn = 256;

/// How long after a lost connection the others, and libzmq's last word, are awaited.
constexpr std::chrono::milliseconds settle_within{50};

/// The same for a kernel that keeps the others full, so that they are never empty.
constexpr std::chrono::milliseconds settle_at_most{5000};

// Shell last: its first answer then proves that every path has been used.
constexpr std::array connect_order{channel::iopub, channel::stdin_channel, channel::control,
                                   channel::heartbeat, channel::shell};

}  // namespace

zmq_link::zmq_link(boost::asio::io_context& loop, link_options& options, link_handler& handler)
    : queued_link(loop, handler, options.max_message_bytes),
      connect_due_(loop, options.connect_within),
      settle_(loop) {
    for (std::size_t i = 0; i < channel_count; ++i) {
        lanes_[i].path = std::move(options.sockets[i]);
    }
}

zmq_link::~zmq_link() = default;

result<std::shared_ptr<zmq_link>> zmq_link::open(boost::asio::io_context& loop,
                                                 link_options options, link_handler& handler) {
    std::shared_ptr<zmq_link> made{new zmq_link(loop, options, handler)};
    if (auto connected = made->connect(options.identity); !connected) {
        return connected.error();
    }
    for (auto const which : connect_order) {
        made->look_later(which);  // libzmq signals only changes of what it was asked before
        if (made->at(which).fate) {
            boost::asio::post(loop, [made, which] { made->read_fate(which); });
        }
    }
    made->connect_due_.async_wait([made](boost::system::error_code const& cancelled) {
        if (!cancelled) {
            made->on_connect_due();
        }
    });
    return made;
}

result<void> zmq_link::connect(std::string const& identity) {
    for (auto const which : connect_order) {
        if (auto done = connect(which, identity); !done) {
            return done;
        }
    }
    return {};
}

result<void> zmq_link::connect(channel which, std::string const& identity) {
    using kind = zmq_socket_settings::kind;
    auto& l = at(which);
    zmq_socket_settings settings;
    settings.max_frame_bytes = limit();
    settings.what = which == channel::iopub   ? kind::subscriber
                    : which == channel::shell ? kind::watched_dealer
                                              : kind::dealer;
    if (takes_identity(which)) {
        settings.identity = identity;
    }
    auto opened = zmq_socket::open(loop(), settings);
    if (!opened) {
        return opened.error();
    }
    l.socket = std::move(*opened);
    if (settings.what != kind::dealer) {
        auto watched = zmq_monitor::watch(loop(), *l.socket);
        if (!watched) {
            return watched.error();
        }
        l.fate = std::move(*watched);
        l.connected = true;  // libzmq takes what is sent before, and the monitor tells a failure
    }
    return l.socket->connect("ipc://" + path_of(l.path));
}

result<void> zmq_link::send(channel to, frame_list frames) {
    if (closed()) {
        return link_errc::closed;
    }
    auto& l = at(to);
    if (!ending() && !l.lost && !l.connected) {
        l.unsent.push_back(std::move(frames));
        return {};
    }
    if (ending() || l.lost || !l.socket->send(frames)) {
        look_later(to);
        return link_errc::disconnected;
    }
    // Sending and asking may have used up the signal of what came meanwhile: a message, or the end.
    if (auto const now = l.socket->ask(); now.readable || !now.writable) {
        look_later(to);
    }
    return {};
}

void zmq_link::disconnect() {
    settle_.cancel();
    connect_due_.cancel();
    for (auto& l : lanes_) {
        l.fate.reset();
        l.socket.reset();
        l.path.reset();
        l.unsent.clear();
    }
}

std::shared_ptr<zmq_link> zmq_link::self() {
    return std::static_pointer_cast<zmq_link>(shared_from_this());
}

void zmq_link::look(channel which) {
    if (ending()) {
        return;
    }
    bool const more = take(which);
    if (!delivery_posted()) {
        deliver();
    }
    if (ending()) {
        return;
    }
    if (more) {
        look_later(which);
    } else {
        wait(which);
    }
}

void zmq_link::look_later(channel which) {
    if (closed() || std::exchange(at(which).posted, true)) {
        return;
    }
    boost::asio::post(loop(), [self = self(), which] {
        self->at(which).posted = false;
        self->count_turn();
        self->look(which);
    });
}

void zmq_link::wait(channel which) {
    auto& l = at(which);
    if (l.lost || std::exchange(l.waiting, true)) {
        return;
    }
    l.socket->async_wait([self = self(), which](boost::system::error_code const&) {
        self->at(which).waiting = false;
        self->look(which);
    });
}

/// Returns true when messages were left behind.
bool zmq_link::take(channel which) {
    auto& l = at(which);
    for (int n = 0; n < take_per_turn; ++n) {
        frame_list frames;
        std::size_t bytes = 0;
        auto const what = l.socket->receive(frames, bytes, {limit(), max_message_frames});
        if (what == zmq_socket::received::nothing) {
            if (idle(which)) {
                return false;
            }
            continue;
        }
        auto const message = std::string{"a message on "} + name_of(which) + " passed ";
        if (what == zmq_socket::received::too_many_bytes) {
            decide(link_failure::too_much, message + std::to_string(limit()) + " bytes");
            return false;
        }
        if (what == zmq_socket::received::too_many_frames) {
            decide(link_failure::too_much,
                   message + std::to_string(max_message_frames) + " frames");
            return false;
        }
        if (!keep(which, std::move(frames), bytes)) {
            return false;
        }
        if (which == channel::shell) {
            for (auto& other : lanes_) {
                other.path.reset();
            }
        }
    }
    return true;
}

/// Nothing was there: false when something is there now. Asking costs system calls, so only at the
/// end; and only asking makes a wait safe.
bool zmq_link::idle(channel which) {
    auto& l = at(which);
    auto const now = l.socket->ask();
    if (now.readable) {
        return false;
    }
    if (now.writable && !l.connected) {
        l.connected = true;
        for (auto const& each : std::exchange(l.unsent, {})) {
            (void)l.socket->send(each);
        }
        return false;
    }
    if (!l.fate && l.connected && !now.writable && !l.lost) {
        lane_lost(which);
    }
    return true;
}

void zmq_link::read_fate(channel which) {
    if (closed()) {
        return;
    }
    auto& fate = *at(which).fate;
    fate.read();
    if (fate.ended()) {
        lane_lost(which);
    }
    if (!fate.closed_by_peer()) {
        fate.async_wait(
            [self = self(), which](boost::system::error_code const&) { self->read_fate(which); });
    }
}

void zmq_link::on_connect_due() {
    for (auto const which : connect_order) {
        auto& l = at(which);
        if (ending() || l.connected) {
            continue;
        }
        (void)idle(which);  // the loop may have stood still while the connection was made
        if (l.connected) {
            look_later(which);
        } else {
            lane_lost(which);
        }
    }
}

void zmq_link::lane_lost(channel which) {
    bool const news = !std::exchange(at(which).lost, true);
    bool const all_said = std::all_of(lanes_.begin(), lanes_.end(), [](lane const& l) {
        return !l.fate || l.fate->closed_by_peer();
    });
    if (ending() || !(news || all_said)) {
        return;
    }
    settle_by_ = std::chrono::steady_clock::now() + settle_at_most;
    settle_.expires_after(all_said ? std::chrono::milliseconds{0} : settle_within);
    settle_.async_wait([self = self()](boost::system::error_code const& cancelled) {
        if (!cancelled) {
            self->settle_after_losses();
        }
    });
}

/// A connection ended, and libzmq has said all it will about it: what it still holds comes first.
void zmq_link::settle_after_losses() {
    if (ending()) {
        return;
    }
    bool more = false;
    for (auto const which : connect_order) {
        more = (at(which).fate && !ending() && take(which)) || more;
    }
    if (more && !ending() && std::chrono::steady_clock::now() < settle_by_) {
        boost::asio::post(loop(), [self = self()] { self->settle_after_losses(); });
    } else {
        judge_losses();
    }
    deliver();
}

void zmq_link::judge_losses() {
    std::string which;
    for (auto const c : connect_order) {
        auto const& l = at(c);
        which += l.lost ? std::string{" "} + name_of(c) : "";
        if (!l.fate || !l.fate->ended()) {
            continue;
        }
        if (l.fate->never_greeted()) {
            decide(link_failure::lost, std::string{name_of(c)} + " did not greet as ZeroMQ does");
        } else if (!l.fate->closed_by_peer()) {
            decide(link_failure::too_much,
                   std::string{name_of(c)} + " was cut off: a frame above " +
                       std::to_string(limit()) + " bytes or broken framing");
        }
    }
    decide(link_failure::lost, "connections ended:" + which);
}

}  // namespace kernelproto
