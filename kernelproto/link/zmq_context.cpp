// SPDX-License-Identifier: Apache-2.0
// Makes and ends the ZeroMQ context of a loop.
// Never more than one I/O thread: five small sockets a kernel do not fill one. Loop thread only.
#include "kernelproto/link/zmq_context.hpp"

#include <boost/asio/io_context.hpp>
#include <zmq.h>

#include <stdexcept>

namespace kernelproto {
namespace {

// A kernel takes nine (five channels and both ends of two monitors): room for 1800 kernels at eight
// bytes a slot. The default of 1023 would end at 113.
constexpr int max_sockets = 16384;

}  // namespace

boost::asio::execution_context::id zmq_context::id;

zmq_context::zmq_context(boost::asio::execution_context& owner)
    : service(owner), context_(zmq_ctx_new()) {
    if (!context_ || zmq_ctx_set(context_.get(), ZMQ_IO_THREADS, 1) != 0 ||
        zmq_ctx_set(context_.get(), ZMQ_MAX_SOCKETS, max_sockets) != 0) {
        throw std::runtime_error("no ZeroMQ context");
    }
}

zmq_context& zmq_context::of(boost::asio::io_context& loop) {
    return boost::asio::use_service<zmq_context>(loop);
}

void zmq_context::closer::operator()(void* context) const noexcept {
    while (zmq_ctx_term(context) != 0 && zmq_errno() == EINTR) {
    }
}

}  // namespace kernelproto
