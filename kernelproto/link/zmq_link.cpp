// SPDX-License-Identifier: Apache-2.0
// Taking in, handing on, and finding out how a connection ended.
// Never calls back from `send` or `close`, and nothing at all after `close`. Loop thread only.
#include "kernelproto/link/zmq_link.hpp"

#include "kernelproto/link/link_errc.hpp"
#include "kernelproto/link/socket_file.hpp"
#include "kernelproto/link/zmq_context.hpp"

#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <zmq.h>

#include <chrono>
#include <cstring>
#include <utility>

namespace kernelproto {
namespace {

// Taking a message in costs about a microsecond, handing it on means checking and parsing it.
constexpr int take_per_turn = 256;
constexpr int deliver_per_turn = 64;
constexpr std::size_t deliver_bytes_per_turn = std::size_t{1024} * 1024;

/// How long after the first lost connection the others, and libzmq's last word, are awaited.
constexpr std::chrono::milliseconds settle_within{50};

// Shell last: its first answer then proves that every path has been used.
constexpr std::array connect_order{channel::iopub, channel::stdin_channel, channel::control,
                                   channel::heartbeat, channel::shell};

char const* name_of(channel which) {
    switch (which) {
        case channel::shell:
            return "shell";
        case channel::control:
            return "control";
        case channel::iopub:
            return "iopub";
        case channel::stdin_channel:
            return "stdin";
        case channel::heartbeat:
            return "heartbeat";
    }
    return "?";
}

}  // namespace

zmq_link::zmq_link(boost::asio::io_context& loop, zmq_link_options& options, link_handler& handler)
    : loop_(loop), handler_(&handler), limit_(options.max_message_bytes), settle_(loop) {
    for (std::size_t i = 0; i < channel_count; ++i) {
        lanes_[i].path = std::move(options.sockets[i]);
    }
}

zmq_link::~zmq_link() = default;

result<std::shared_ptr<zmq_link>> zmq_link::open(boost::asio::io_context& loop,
                                                 zmq_link_options options, link_handler& handler) {
    std::shared_ptr<zmq_link> made{new zmq_link(loop, options, handler)};
    if (auto connected = made->connect(options.identity); !connected) {
        return connected.error();
    }
    for (auto const which : connect_order) {
        made->look_later(which);  // libzmq signals only changes of what it was asked before
    }
    boost::asio::post(loop, [made] {
        if (!made->closed_) {
            made->read_fate();
        }
    });
    return made;
}

result<void> zmq_link::connect(std::string const& identity) {
    for (auto const which : connect_order) {
        auto& l = at(which);
        zmq_socket_settings settings;
        settings.max_frame_bytes = limit_;
        if (which == channel::iopub) {
            settings.what = zmq_socket_settings::kind::subscriber;
        } else if (which == channel::shell || which == channel::stdin_channel) {
            settings.identity = identity;
        }
        auto opened = zmq_socket::open(loop_, settings);
        if (!opened) {
            return opened.error();
        }
        l.socket = std::move(*opened);
        if (which == channel::iopub) {
            if (auto watched = connect_monitor(); !watched) {
                return watched;
            }
        }
        if (auto done = l.socket->connect("ipc://" + path_of(l.path)); !done) {
            return done;
        }
    }
    return {};
}

result<void> zmq_link::connect_monitor() {
    auto const endpoint = "inproc://fate-" + std::to_string(zmq_context::of(loop_).unused_number());
    if (auto done = at(channel::iopub).socket->publish_fate(endpoint); !done) {
        return done;
    }
    zmq_socket_settings settings;
    settings.what = zmq_socket_settings::kind::monitor;
    auto opened = zmq_socket::open(loop_, settings);
    if (!opened) {
        return opened.error();
    }
    monitor_ = std::move(*opened);
    return monitor_->connect(endpoint);
}

result<void> zmq_link::send(channel to, frame_list frames) {
    if (closed_) {
        return link_errc::closed;
    }
    auto& l = at(to);
    if (verdict_ || l.lost || !l.socket->send(frames)) {
        look_later(to);
        return link_errc::disconnected;
    }
    // Sending and asking may have used up the signal of what came meanwhile: a message, or the end.
    if (auto const now = l.socket->ask(); now.readable || !now.writable) {
        look_later(to);
    }
    return {};
}

void zmq_link::close() {
    if (std::exchange(closed_, true)) {
        return;
    }
    settle_.cancel();
    monitor_.reset();
    for (auto& l : lanes_) {
        l.socket.reset();
        l.path.reset();
    }
    inbox_.clear();
    load_.unread_bytes = 0;
}

void zmq_link::look(channel which) {
    if (closed_ || verdict_) {
        return;
    }
    bool const more = take(which);
    if (!delivery_posted_) {
        deliver();
    }
    if (closed_ || verdict_) {
        return;
    }
    if (more) {
        look_later(which);
    } else {
        wait(which);
    }
}

void zmq_link::look_later(channel which) {
    if (closed_ || std::exchange(at(which).posted, true)) {
        return;
    }
    boost::asio::post(loop_, [self = shared_from_this(), which] {
        self->at(which).posted = false;
        ++self->load_.turns;
        self->look(which);
    });
}

void zmq_link::wait(channel which) {
    auto& l = at(which);
    if (l.lost || std::exchange(l.waiting, true)) {
        return;
    }
    l.socket->async_wait([self = shared_from_this(), which](boost::system::error_code const&) {
        self->at(which).waiting = false;
        self->look(which);
    });
}

/// Returns true when messages were left behind.
bool zmq_link::take(channel which) {
    auto& l = at(which);
    for (int n = 0; n < take_per_turn; ++n) {
        unread got{which, 0, {}};
        auto const what = l.socket->receive(got.frames, got.bytes, limit_);
        if (what == zmq_socket::received::nothing) {
            // Asking costs system calls, so only at the end; and only asking makes a wait safe.
            auto const now = l.socket->ask();
            if (now.readable) {
                continue;
            }
            if (which != channel::iopub && !now.writable) {
                lane_lost(which);
            }
            return false;
        }
        load_.unread_bytes += got.bytes;
        if (what == zmq_socket::received::too_much || load_.unread_bytes > limit_) {
            decide(link_failure::too_much, std::string{what == zmq_socket::received::too_much
                                                           ? "a message on "
                                                           : "unread messages, the last on "} +
                                               name_of(which) + " passed " +
                                               std::to_string(limit_) + " bytes");
            return false;
        }
        ++load_.taken;
        if (which == channel::shell) {
            for (auto& other : lanes_) {
                other.path.reset();
            }
        }
        inbox_.push_back(std::move(got));
    }
    return true;
}

void zmq_link::deliver() {
    int messages = 0;
    std::size_t bytes = 0;
    while (!closed_ && !inbox_.empty()) {
        if (messages == deliver_per_turn || bytes >= deliver_bytes_per_turn) {
            deliver_later();
            return;
        }
        unread next = std::move(inbox_.front());
        inbox_.pop_front();
        load_.unread_bytes -= next.bytes;
        ++load_.delivered;
        ++messages;
        bytes += next.bytes;
        handler_->on_message(next.from, std::move(next.frames));
    }
    if (!closed_ && verdict_) {
        fail_now();
    }
}

void zmq_link::deliver_later() {
    if (std::exchange(delivery_posted_, true)) {
        return;
    }
    boost::asio::post(loop_, [self = shared_from_this()] {
        self->delivery_posted_ = false;
        ++self->load_.turns;
        self->deliver();
    });
}

void zmq_link::wait_for_fate() {
    monitor_->async_wait([self = shared_from_this()](boost::system::error_code const&) {
        if (!self->closed_) {
            self->read_fate();
        }
    });
}

/// An event is a frame that begins with its number, and a frame with the endpoint. The number of a
/// lost connection comes alone when libzmq itself cut it, and is followed by the plan to connect
/// again when the peer closed it.
void zmq_link::read_fate() {
    constexpr std::size_t more_than_an_event = 4096;
    while (monitor_->ask().readable) {
        frame_list frames;
        std::size_t bytes = 0;
        if (monitor_->receive(frames, bytes, more_than_an_event) != zmq_socket::received::message ||
            frames.front().bytes().size() < sizeof(std::uint16_t)) {
            continue;
        }
        std::uint16_t number = 0;
        std::memcpy(&number, frames.front().bytes().data(), sizeof number);
        iopub_cut_ = true;
        iopub_closed_by_peer_ = iopub_closed_by_peer_ || number == ZMQ_EVENT_CONNECT_RETRIED;
        iopub_never_greeted_ = iopub_never_greeted_ || (number != ZMQ_EVENT_CONNECT_RETRIED &&
                                                        number != ZMQ_EVENT_DISCONNECTED);
    }
    if (iopub_closed_by_peer_) {
        settle_after_losses();
        return;
    }
    if (iopub_cut_) {
        lane_lost(channel::iopub);
    }
    wait_for_fate();
}

void zmq_link::lane_lost(channel which) {
    if (which != channel::iopub) {
        at(which).lost = true;
    }
    if (std::exchange(settling_, true) || verdict_) {
        return;
    }
    settle_.expires_after(settle_within);
    settle_.async_wait([self = shared_from_this()](boost::system::error_code const&) {
        if (!self->closed_) {
            self->settle_after_losses();
        }
    });
}

/// A connection ended, and libzmq has said all it will about it: what it still holds comes first.
void zmq_link::settle_after_losses() {
    if (verdict_) {
        return;
    }
    if (take(channel::iopub)) {
        boost::asio::post(loop_, [self = shared_from_this()] {
            if (!self->closed_) {
                self->settle_after_losses();
            }
        });
        deliver();
        return;
    }
    if (!verdict_ && iopub_never_greeted_) {
        decide(link_failure::lost, "iopub did not greet as ZeroMQ does");
    } else if (!verdict_ && iopub_cut_ && !iopub_closed_by_peer_) {
        decide(link_failure::too_much, "iopub was cut off: a frame above " +
                                           std::to_string(limit_) + " bytes or broken framing");
    } else if (!verdict_) {
        std::string which = iopub_cut_ ? " iopub" : "";
        for (auto const c : connect_order) {
            which += at(c).lost ? std::string{" "} + name_of(c) : "";
        }
        decide(link_failure::lost, "connections ended:" + which);
    }
    deliver();
}

void zmq_link::decide(link_failure why, std::string detail) {
    if (!verdict_) {
        verdict_ = verdict{why, std::move(detail)};
        settle_.cancel();
    }
    if (why == link_failure::too_much) {
        inbox_.clear();  // their memory is what is too much
        load_.unread_bytes = 0;
    }
}

void zmq_link::fail_now() {
    auto const self = shared_from_this();
    auto const decided = std::move(*verdict_);
    auto* const handler = handler_;
    close();
    handler->on_failure(decided.why, decided.detail);
}

}  // namespace kernelproto
