// SPDX-License-Identifier: Apache-2.0
// What becomes of one socket's only connection, as libzmq tells it.
// Never lets go of its end while libzmq may still write to it: libzmq's I/O thread would wait for
// a reader for ever, and with it every kernel of the loop. Belongs to the loop; destroyed before
// the socket that it watches.
#pragma once

#include "kernelproto/link/zmq_socket.hpp"

#include <memory>
#include <utility>

namespace kernelproto {

class zmq_monitor final {
public:
    /// To be called before `watched` connects. Fails with `link_errc::no_resources`.
    static result<std::unique_ptr<zmq_monitor>> watch(boost::asio::io_context& loop,
                                                      zmq_socket& watched);

    zmq_monitor(zmq_monitor const&) = delete;
    zmq_monitor& operator=(zmq_monitor const&) = delete;
    ~zmq_monitor();

    /// Takes in what libzmq has said so far. Before each wait this must have been called.
    void read();

    /// The connection, or the attempt to make it, is over.
    bool ended() const noexcept { return ended_; }

    /// libzmq has said its last word: the peer closed the connection, or did not take it.
    bool closed_by_peer() const noexcept { return closed_by_peer_; }

    /// The peer did not greet as ZeroMQ does, or not in time.
    bool never_greeted() const noexcept { return never_greeted_; }

    /// `done(error_code)` when `read` may have news.
    template <class Done>
    void async_wait(Done done) {
        news_->async_wait(std::move(done));
    }

private:
    zmq_monitor(zmq_socket& watched, std::unique_ptr<zmq_socket> news);

    zmq_socket& watched_;
    std::unique_ptr<zmq_socket> news_;
    bool ended_ = false;
    bool closed_by_peer_ = false;
    bool never_greeted_ = false;
};

}  // namespace kernelproto
