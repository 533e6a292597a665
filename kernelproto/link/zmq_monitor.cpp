// SPDX-License-Identifier: Apache-2.0
// libzmq's monitor events, as far as they tell how a connection ended.
// Never trusts their number or order beyond what is said here. Loop thread only.
#include "kernelproto/link/zmq_monitor.hpp"

#include "kernelproto/link/zmq_context.hpp"

#include <boost/asio/io_context.hpp>
#include <zmq.h>

#include <cstdint>
#include <cstring>
#include <string>

namespace kernelproto {

result<std::unique_ptr<zmq_monitor>> zmq_monitor::watch(boost::asio::io_context& loop,
                                                        zmq_socket& watched) {
    zmq_socket_settings settings;
    settings.what = zmq_socket_settings::kind::monitor;
    auto news = zmq_socket::open(loop, settings);
    if (!news) {
        return news.error();
    }
    std::unique_ptr<zmq_monitor> made{new zmq_monitor(watched, std::move(*news))};
    auto const endpoint = "inproc://fate-" + std::to_string(zmq_context::of(loop).unused_number());
    if (auto done = watched.publish_fate(endpoint); !done) {
        return done.error();
    }
    if (auto done = made->news_->connect(endpoint); !done) {
        return done.error();
    }
    return made;
}

zmq_monitor::zmq_monitor(zmq_socket& watched, std::unique_ptr<zmq_socket> news)
    : watched_(watched), news_(std::move(news)) {}

zmq_monitor::~zmq_monitor() { watched_.keep_fate(); }

/// An event is a frame that begins with its number, and a frame with the endpoint. The number of a
/// lost connection comes alone when libzmq itself cut it, and is followed by the plan to connect
/// again when the peer closed it; the plan comes alone when no connection was made.
void zmq_monitor::read() {
    constexpr zmq_socket::receive_limits event_limits{4096, 2};
    while (news_->ask().readable) {
        frame_list frames;
        std::size_t bytes = 0;
        if (news_->receive(frames, bytes, event_limits) != zmq_socket::received::message ||
            frames.front().bytes().size() < sizeof(std::uint16_t)) {
            continue;
        }
        std::uint16_t number = 0;
        std::memcpy(&number, frames.front().bytes().data(), sizeof number);
        ended_ = true;
        if (number == ZMQ_EVENT_CONNECT_RETRIED) {
            closed_by_peer_ = true;
        } else if (number != ZMQ_EVENT_DISCONNECTED) {
            never_greeted_ = true;
        }
    }
}

}  // namespace kernelproto
