// SPDX-License-Identifier: Apache-2.0
// One ZeroMQ socket seen from an Asio loop: wait for activity, then ask what may be done.
// Never blocks, never copies a large frame, never lets Asio own the descriptor that libzmq signals
// with. Belongs to the loop; frames that it gave out may outlive it.
#pragma once

#include "kernelproto/wire/frames.hpp"
#include "kernelproto/wire/result.hpp"

#include <boost/asio/posix/stream_descriptor.hpp>

#include <cstddef>
#include <memory>
#include <string>
#include <utility>

namespace boost::asio {
class io_context;
}

namespace kernelproto {

struct zmq_socket_settings {
    enum class kind {
        /// Its loss shows as "not writable" and drops what was received and not read.
        dealer,
        /// As `subscriber`: its loss shows in its monitor only, and what was received stays.
        watched_dealer,
        subscriber,
        monitor,
    } what = kind::dealer;
    /// Routing id as the peer sees it; empty: the peer makes one.
    std::string identity;
    /// A peer that announces a larger frame is cut off by libzmq.
    std::size_t max_frame_bytes = 0;
};

class zmq_socket final {
public:
    enum class received { message, nothing, too_many_bytes, too_many_frames };
    struct receive_limits {
        std::size_t bytes;
        std::size_t frames;
    };
    struct events {
        bool readable = false;
        bool writable = false;
    };

    /// Fails with `link_errc::no_resources`.
    static result<std::unique_ptr<zmq_socket>> open(boost::asio::io_context& loop,
                                                    zmq_socket_settings const& settings);

    zmq_socket(zmq_socket const&) = delete;
    zmq_socket& operator=(zmq_socket const&) = delete;
    ~zmq_socket();

    result<void> connect(std::string const& endpoint);

    /// What the peer's end becomes is published at `endpoint` (inproc), to be read by a `monitor`.
    result<void> publish_fate(std::string const& endpoint);

    /// Nothing is published any more; to be called before the monitor is closed.
    void keep_fate() noexcept;

    /// What can be done now. The descriptor signals changes of this, not messages, and any call
    /// may use a signal up: before each wait this must have said "not readable".
    events ask() const noexcept;

    /// What a frame costs in memory besides its bytes: libzmq's message and its block, our count of
    /// owners, and the room that a growing list keeps.
    static constexpr std::size_t frame_cost = 192;

    /// One whole message, appended to `into` as frames that own libzmq's memory. `bytes` counts
    /// them and their cost; ends as soon as a limit is passed, with the rest unread.
    received receive(frame_list& into, std::size_t& bytes, receive_limits limits);

    /// False when libzmq does not take it: for a dealer, the connection is gone.
    bool send(frame_list const& frames);

    /// `done(error_code)` when `ask` may have a new answer.
    template <class Done>
    void async_wait(Done done) {
        signal_.async_wait(boost::asio::posix::stream_descriptor::wait_read, std::move(done));
    }

private:
    struct closer {
        void operator()(void* socket) const noexcept;
    };
    using handle = std::unique_ptr<void, closer>;

    zmq_socket(boost::asio::io_context& loop, handle socket);

    handle socket_;
    boost::asio::posix::stream_descriptor signal_;
};

}  // namespace kernelproto
