// SPDX-License-Identifier: Apache-2.0
// The one ZeroMQ context of a loop: one I/O thread for all kernels.
// Never outlives its sockets: whoever made them closes them before the loop is destroyed.
// Belongs to the loop, as an Asio service; made at first use.
#pragma once

#include <boost/asio/execution_context.hpp>

#include <cstdint>
#include <memory>

namespace boost::asio {
class io_context;
}

namespace kernelproto {

class zmq_context final : public boost::asio::execution_context::service {
public:
    static boost::asio::execution_context::id id;

    explicit zmq_context(boost::asio::execution_context& owner);

    static zmq_context& of(boost::asio::io_context& loop);

    /// The `void*` that libzmq's functions take.
    void* handle() const noexcept { return context_.get(); }

    /// Another number each time, for names within the context. libzmq closes sockets behind our
    /// back, so a name is free again only some time after its socket was let go.
    std::uint64_t unused_number() noexcept { return ++last_number_; }

private:
    struct closer {
        void operator()(void* context) const noexcept;
    };

    void shutdown() override {}

    std::unique_ptr<void, closer> context_;
    std::uint64_t last_number_ = 0;
};

}  // namespace kernelproto
