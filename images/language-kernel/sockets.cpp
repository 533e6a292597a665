// SPDX-License-Identifier: Apache-2.0
// ZeroMQ as a kernel uses it. Never blocks. One thread.
#include "images/language-kernel/sockets.hpp"

#include "kernelproto/wire/codec.hpp"

#include <zmq_addon.hpp>

#include <array>
#include <iterator>
#include <utility>

namespace language_kernel {
namespace {

/// Requests carry code; nothing that is longer could be run.
constexpr kernelproto::frame_limits limits{64, std::size_t{64} * 1024, 2 * max_code_bytes};

/// Messages that a slow reader of iopub may be behind: 64 KiB each at most, that is 16 MiB.
constexpr int iopub_high_water = 256;

/// What is said last must reach who listens.
constexpr int linger_ms = 1000;

zmq::socket_t bound(zmq::context_t& context, zmq::socket_type type, std::string const& address) {
    zmq::socket_t socket{context, type};
    socket.set(zmq::sockopt::linger, linger_ms);
    socket.set(zmq::sockopt::rcvhwm, 0);
    if (type == zmq::socket_type::router) {
        socket.set(zmq::sockopt::sndhwm, 0);
        socket.set(zmq::sockopt::router_handover, true);  // a client that comes again
    } else {
        socket.set(zmq::sockopt::sndhwm, iopub_high_water);
        socket.set(zmq::sockopt::xpub_nodrop, true);
    }
    socket.bind(address);
    return socket;
}

}  // namespace

sockets::sockets(connection_file const& where)
    : keys_(where.key),
      shell_(bound(context_, zmq::socket_type::router, where.shell)),
      control_(bound(context_, zmq::socket_type::router, where.control)),
      stdin_(bound(context_, zmq::socket_type::router, where.stdin_channel)),
      iopub_(bound(context_, zmq::socket_type::pub, where.iopub)),
      heartbeat_(bound(context_, zmq::socket_type::router, where.heartbeat)) {}

zmq::socket_t& sockets::at(channel which) {
    switch (which) {
        case channel::shell:
            return shell_;
        case channel::control:
            return control_;
        case channel::stdin_channel:
            return stdin_;
        case channel::iopub:
            break;
    }
    return iopub_;
}

bool sockets::send_frames(zmq::socket_t& to, frames& what) {
    for (std::size_t i = 0; i < what.size(); ++i) {
        auto const flags = i + 1 < what.size()
                               ? zmq::send_flags::dontwait | zmq::send_flags::sndmore
                               : zmq::send_flags::dontwait;
        // Whether a message is taken is decided at its first frame.
        if (!to.send(what[i], flags) && i == 0) {
            return false;
        }
    }
    return true;
}

void sockets::send(say const& what) {
    frames parts;
    parts.emplace_back(std::string_view{what.before});
    for (auto const& each : kernelproto::encode(what.what, keys_)) {
        parts.emplace_back(each.bytes());
    }
    if (what.to != channel::iopub) {
        // A peer that has left is none of our business: a ROUTER drops what it cannot send.
        send_frames(at(what.to), parts);
    } else if (crowded() || !send_frames(iopub_, parts)) {
        unsent_.push_back(std::move(parts));
    }
}

void sockets::send_waiting() {
    while (crowded() && send_frames(iopub_, unsent_.front())) {
        unsent_.pop_front();
    }
}

std::vector<zmq::pollitem_t> sockets::polled() {
    std::vector<zmq::pollitem_t> items;
    for (auto* each : {&shell_, &control_, &stdin_, &heartbeat_}) {
        items.push_back({each->handle(), 0, ZMQ_POLLIN, 0});
    }
    return items;
}

std::optional<request> sockets::receive_from(channel which, bool& something) {
    frames parts;
    something = zmq::recv_multipart(at(which), std::back_inserter(parts), zmq::recv_flags::dontwait)
                    .has_value();
    if (!something || parts.size() < 2) {
        return std::nullopt;
    }
    kernelproto::frame_list list;
    for (std::size_t i = 1; i < parts.size(); ++i) {
        list.emplace_back(parts[i].to_string());
    }
    auto heard = kernelproto::decode(list, keys_, limits);
    if (!heard) {
        return std::nullopt;
    }
    return request{which, parts[0].to_string(), std::move(*heard)};
}

std::optional<request> sockets::receive() {
    for (auto const which : {channel::control, channel::stdin_channel, channel::shell}) {
        for (bool something = true; something;) {
            if (auto heard = receive_from(which, something)) {
                return heard;
            }
        }
    }
    return std::nullopt;
}

void sockets::echo_heartbeats() {
    for (;;) {
        frames parts;
        if (!zmq::recv_multipart(heartbeat_, std::back_inserter(parts),
                                 zmq::recv_flags::dontwait)) {
            return;
        }
        send_frames(heartbeat_, parts);
    }
}

}  // namespace language_kernel
