// SPDX-License-Identifier: Apache-2.0
// From an endpoint to a socket that listens, with sentences for the operator when it cannot.
// Never takes the place of a program that still listens. Used at start, on the loop's thread.
#pragma once

#include "broker/base/result.hpp"
#include "http/server/listener.hpp"

#include <boost/asio/basic_socket_acceptor.hpp>
#include <boost/asio/generic/stream_protocol.hpp>
#include <boost/asio/io_context.hpp>

#include <string>
#include <utility>

namespace http {

/// A socket file of ours; removed once, and only if the path still leads to it.
class owned_socket_file {
public:
    owned_socket_file() = default;
    explicit owned_socket_file(std::string path);
    owned_socket_file(owned_socket_file&& other) noexcept
        : path_(std::exchange(other.path_, {})), device_(other.device_), inode_(other.inode_) {}
    owned_socket_file& operator=(owned_socket_file&&) = delete;
    owned_socket_file(owned_socket_file const&) = delete;
    owned_socket_file& operator=(owned_socket_file const&) = delete;
    ~owned_socket_file() { remove(); }

    void remove() noexcept;

private:
    std::string path_;
    unsigned long device_ = 0;
    unsigned long inode_ = 0;
};

struct bound_socket {
    using acceptor_type = boost::asio::basic_socket_acceptor<boost::asio::generic::stream_protocol>;
    endpoint where;  // with the port that was chosen
    acceptor_type acceptor;
    owned_socket_file owned;
};

broker::result<bound_socket> bind_and_listen(boost::asio::io_context& loop, endpoint where);

/// Textual IP of the other side, an IPv4 address mapped into IPv6 as IPv4; empty for unix sockets.
std::string peer_address(boost::asio::generic::stream_protocol::socket const& socket);

}  // namespace http
