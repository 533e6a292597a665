// SPDX-License-Identifier: Apache-2.0
// The five sockets of a kernel (Jupyter messaging specification, "Introduction").
// Never drops what is to be said on iopub: what a reader has not taken in time waits here, and
// `crowded` asks for no more until it is gone. One owner, one thread.
#pragma once

#include "images/language-kernel/connection_file.hpp"
#include "images/language-kernel/kernel_session.hpp"
#include "kernelproto/wire/signer.hpp"

#include <zmq.hpp>

#include <deque>
#include <optional>
#include <vector>

namespace language_kernel {

class sockets {
public:
    /// Binds all. Throws zmq::error_t.
    explicit sockets(connection_file const& where);

    void send(say const& what);

    bool crowded() const noexcept { return !unsent_.empty(); }
    /// Tries once more what waits.
    void send_waiting();

    /// Shell, control, stdin and heartbeat, to be polled for reading.
    std::vector<zmq::pollitem_t> polled();

    /// One request of those that can be read now. What is not signed or is no message is skipped.
    std::optional<request> receive();
    void echo_heartbeats();

private:
    using frames = std::vector<zmq::message_t>;

    zmq::socket_t& at(channel which);
    std::optional<request> receive_from(channel which, bool& something);
    static bool send_frames(zmq::socket_t& to, frames& what);

    kernelproto::signer keys_;
    zmq::context_t context_;
    zmq::socket_t shell_;
    zmq::socket_t control_;
    zmq::socket_t stdin_;
    zmq::socket_t iopub_;
    zmq::socket_t heartbeat_;
    std::deque<frames> unsent_;  // on iopub
};

}  // namespace language_kernel
