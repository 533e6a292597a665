// SPDX-License-Identifier: Apache-2.0
// libzmq's options, and its calls in the order that its edge-triggered descriptor demands.
// Never throws for what a peer or the host does. Loop thread only.
#include "kernelproto/link/zmq_socket.hpp"

#include "kernelproto/link/link_errc.hpp"
#include "kernelproto/link/zmq_context.hpp"

#include <boost/asio/io_context.hpp>
#include <zmq.h>
#include <zmq.hpp>

#include <cerrno>
#include <climits>
#include <cstdint>
#include <cstring>

namespace kernelproto {
namespace {

/// Below this a frame is copied into libzmq's own message, which costs less than sharing it.
constexpr std::size_t share_from_bytes = 1024;

bool set(void* socket, int option, int value) {
    return zmq_setsockopt(socket, option, &value, sizeof value) == 0;
}

bool set_common(void* socket, std::size_t max_frame_bytes) {
    auto const frame_bytes = static_cast<std::int64_t>(max_frame_bytes);
    return set(socket, ZMQ_LINGER, 0)  // closing must not wait for a peer
                                       // High-water marks count messages and make a publisher drop;
                                       // bytes are counted here.
           && set(socket, ZMQ_RCVHWM, 0) && set(socket, ZMQ_SNDHWM, 0) &&
           set(socket, ZMQ_HANDSHAKE_IVL, 2000) &&
           zmq_setsockopt(socket, ZMQ_MAXMSGSIZE, &frame_bytes, sizeof frame_bytes) == 0;
}

bool set_identity(void* socket, std::string const& identity) {
    return identity.empty() ||
           zmq_setsockopt(socket, ZMQ_ROUTING_ID, identity.data(), identity.size()) == 0;
}

bool set_unwatched(void* socket) {
    // Without a second attempt a lost connection takes its pipe away, and with IMMEDIATE there is
    // no pipe before the first one: "not writable" means lost, or not made.
    return set(socket, ZMQ_RECONNECT_IVL, -1) && set(socket, ZMQ_IMMEDIATE, 1);
}

bool set_watched(void* socket) {
    // With -1 libzmq drops unread messages when the peer closes, and with them the last words of a
    // kernel that died. The second attempt is due after 24 days instead; the link is closed within
    // a second of the first one's end.
    return set(socket, ZMQ_RECONNECT_IVL, INT_MAX);
}

bool configure(void* socket, zmq_socket_settings const& settings) {
    switch (settings.what) {
        case zmq_socket_settings::kind::dealer:
            return set_common(socket, settings.max_frame_bytes) && set_unwatched(socket) &&
                   set_identity(socket, settings.identity);
        case zmq_socket_settings::kind::watched_dealer:
            return set_common(socket, settings.max_frame_bytes) && set_watched(socket) &&
                   set_identity(socket, settings.identity);
        case zmq_socket_settings::kind::subscriber:
            return set_common(socket, settings.max_frame_bytes) && set_watched(socket) &&
                   zmq_setsockopt(socket, ZMQ_SUBSCRIBE, "", 0) == 0;
        case zmq_socket_settings::kind::monitor:
            return set(socket, ZMQ_LINGER, 0);
    }
    return false;
}

int type_of(zmq_socket_settings::kind what) {
    switch (what) {
        case zmq_socket_settings::kind::dealer:
        case zmq_socket_settings::kind::watched_dealer:
            return ZMQ_DEALER;
        case zmq_socket_settings::kind::subscriber:
            return ZMQ_SUB;
        case zmq_socket_settings::kind::monitor:
            return ZMQ_PAIR;
    }
    return -1;
}

/// A signal that arrives while libzmq looks at its mailbox makes the call fail with EINTR, though
/// nothing is wrong with the socket.
template <class Call>
int unless_interrupted(Call call) noexcept {
    for (;;) {
        int const done = call();
        if (done >= 0 || zmq_errno() != EINTR) {
            return done;
        }
    }
}

void release_frame(void*, void* hint) { delete static_cast<frame*>(hint); }

bool make_message(zmq_msg_t& out, frame const& from) {
    auto const bytes = from.bytes();
    if (bytes.size() < share_from_bytes) {
        if (zmq_msg_init_size(&out, bytes.size()) != 0) {
            return false;
        }
        if (!bytes.empty()) {
            std::memcpy(zmq_msg_data(&out), bytes.data(), bytes.size());
        }
        return true;
    }
    // libzmq does not write to what it sends; its I/O thread lets go of the copy of the frame.
    auto owner = std::make_unique<frame>(from);
    void* const data = const_cast<char*>(bytes.data());  // NOLINT(*-const-cast)
    if (zmq_msg_init_data(&out, data, bytes.size(), release_frame, owner.get()) != 0) {
        return false;
    }
    (void)owner.release();  // NOLINT(bugprone-unused-return-value)
    return true;
}

}  // namespace

void zmq_socket::closer::operator()(void* socket) const noexcept { zmq_close(socket); }

result<std::unique_ptr<zmq_socket>> zmq_socket::open(boost::asio::io_context& loop,
                                                     zmq_socket_settings const& settings) {
    handle socket{::zmq_socket(zmq_context::of(loop).handle(), type_of(settings.what))};
    int signal = -1;
    std::size_t size = sizeof signal;
    if (!socket || !configure(socket.get(), settings) ||
        zmq_getsockopt(socket.get(), ZMQ_FD, &signal, &size) != 0) {
        return link_errc::no_resources;
    }
    std::unique_ptr<zmq_socket> opened{new zmq_socket(loop, std::move(socket))};
    boost::system::error_code failed;
    opened->signal_.assign(signal, failed);
    if (failed) {
        return link_errc::no_resources;
    }
    return opened;
}

zmq_socket::zmq_socket(boost::asio::io_context& loop, handle socket)
    : socket_(std::move(socket)), signal_(loop) {}

zmq_socket::~zmq_socket() {
    if (signal_.is_open()) {
        signal_.release();  // libzmq closes it
    }
}

result<void> zmq_socket::connect(std::string const& endpoint) {
    if (zmq_connect(socket_.get(), endpoint.c_str()) != 0) {
        return link_errc::no_resources;
    }
    return {};
}

result<void> zmq_socket::publish_fate(std::string const& endpoint) {
    constexpr int wanted = ZMQ_EVENT_DISCONNECTED | ZMQ_EVENT_CONNECT_RETRIED |
                           ZMQ_EVENT_HANDSHAKE_FAILED_NO_DETAIL |
                           ZMQ_EVENT_HANDSHAKE_FAILED_PROTOCOL | ZMQ_EVENT_HANDSHAKE_FAILED_AUTH;
    if (zmq_socket_monitor(socket_.get(), endpoint.c_str(), wanted) != 0) {
        return link_errc::no_resources;
    }
    return {};
}

void zmq_socket::keep_fate() noexcept { zmq_socket_monitor(socket_.get(), nullptr, 0); }

zmq_socket::events zmq_socket::ask() const noexcept {
    int flags = 0;
    std::size_t size = sizeof flags;
    if (unless_interrupted(
            [&] { return zmq_getsockopt(socket_.get(), ZMQ_EVENTS, &flags, &size); }) != 0) {
        return {};
    }
    return {(flags & ZMQ_POLLIN) != 0, (flags & ZMQ_POLLOUT) != 0};
}

zmq_socket::received zmq_socket::receive(frame_list& into, std::size_t& bytes,
                                         receive_limits limits) {
    into.reserve(8);  // topic, delimiter, signature, four JSON frames, and one to spare
    bool more = true;
    while (more) {
        if (into.size() == limits.frames) {
            return received::too_many_frames;
        }
        auto part = std::make_shared<zmq::message_t>();
        if (unless_interrupted(
                [&] { return zmq_msg_recv(part->handle(), socket_.get(), ZMQ_DONTWAIT); }) < 0) {
            return received::nothing;  // only ever at the first frame: messages come whole
        }
        // A small frame lies inside the message object: look only where it stays.
        std::string_view const view{static_cast<char const*>(part->data()), part->size()};
        more = part->more();
        bytes += view.size() + frame_cost;
        if (bytes > limits.bytes) {
            return received::too_many_bytes;
        }
        into.emplace_back(std::move(part), view);
    }
    return received::message;
}

bool zmq_socket::send(frame_list const& frames) {
    for (std::size_t i = 0; i < frames.size(); ++i) {
        zmq_msg_t part;
        if (!make_message(part, frames[i])) {
            return false;
        }
        int const flags = ZMQ_DONTWAIT | (i + 1 < frames.size() ? ZMQ_SNDMORE : 0);
        if (unless_interrupted([&] { return zmq_msg_send(&part, socket_.get(), flags); }) < 0) {
            zmq_msg_close(&part);
            return false;
        }
    }
    return true;
}

}  // namespace kernelproto
