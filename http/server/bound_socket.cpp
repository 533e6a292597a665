// SPDX-License-Identifier: Apache-2.0
// Binding of TCP and unix sockets. Never leaves a socket file with wider rights than asked for.
// At start, on the loop's thread.
#include "http/server/bound_socket.hpp"

#include "broker/base/unique_fd.hpp"

#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/local/stream_protocol.hpp>
#include <boost/asio/socket_base.hpp>
#include <fmt/format.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <system_error>

namespace http {
namespace {

namespace asio = boost::asio;
using generic = asio::generic::stream_protocol;
using boost::system::error_code;

std::string advice(error_code const& ec, endpoint const& where) {
    bool const tcp = std::holds_alternative<tcp_endpoint>(where);
    if (ec == asio::error::address_in_use) {
        return tcp ? "it is in use by another program (`ss -ltnp` names it): end that one or "
                     "listen on another port"
                   : "another program listens on it: end that one or choose another path";
    }
    if (ec == asio::error::access_denied) {
        return tcp ? "this user may not: ports below 1024 need CAP_NET_BIND_SERVICE"
                   : "this user may not create a file there";
    }
    if (ec == boost::system::errc::address_not_available) {
        return "no interface of this host has that address";
    }
    if (ec == boost::system::errc::no_such_file_or_directory) {
        return "the directory does not exist";
    }
    if (ec == boost::system::errc::file_exists) {
        return "a file that is not a socket is there: move it away or choose another path";
    }
    if (ec == boost::system::errc::filename_too_long) {
        return "the path is empty or longer than a unix socket's can be (107 bytes)";
    }
    if (ec == boost::system::errc::invalid_argument) {
        return "the address must be numeric, such as 127.0.0.1, ::1 or 0.0.0.0";
    }
    return ec.message();
}

broker::failure refused(endpoint const& where, error_code const& ec) {
    // What is only taken may be free later; the program tells the two apart by its exit status.
    auto const code =
        ec == asio::error::address_in_use ? broker::errc::no_capacity : broker::errc::internal;
    return broker::fail(
        code, fmt::format("cannot listen on {}: {}", to_string(where), advice(ec, where)));
}

/// Removes a socket file that nobody listens on; an error if somebody does or it is no socket.
error_code clear_stale(std::string const& path) {
    struct stat found {};
    if (lstat(path.c_str(), &found) != 0) {
        return {};
    }
    if (!S_ISSOCK(found.st_mode)) {
        return make_error_code(boost::system::errc::file_exists);
    }
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    path.copy(address.sun_path, sizeof address.sun_path - 1);
    broker::unique_fd const probe(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
    bool const answered =
        connect(probe.get(), reinterpret_cast<sockaddr const*>(&address), sizeof address) == 0;
    if (answered || errno != ECONNREFUSED) {
        return asio::error::address_in_use;
    }
    unlink(path.c_str());
    return {};
}

error_code open_and_bind(bound_socket& into, generic protocol, generic::endpoint const& address) {
    error_code ec;
    into.acceptor.open(protocol, ec);
    if (!ec && std::holds_alternative<tcp_endpoint>(into.where)) {
        into.acceptor.set_option(asio::socket_base::reuse_address(true), ec);
    }
    if (!ec) {
        into.acceptor.bind(address, ec);
    }
    return ec;
}

error_code bind_tcp(bound_socket& into, tcp_endpoint& where) {
    error_code ec;
    auto const ip =
        asio::ip::make_address(where.address == "localhost" ? "127.0.0.1" : where.address, ec);
    if (ec) {
        return ec;
    }
    asio::ip::tcp::endpoint const address(ip, where.port);
    ec = open_and_bind(into, address.protocol(), address);
    if (!ec) {
        auto const local = into.acceptor.local_endpoint(ec);
        asio::ip::tcp::endpoint chosen;
        chosen.resize(local.size());
        std::memcpy(chosen.data(), local.data(), local.size());
        where.port = chosen.port();
    }
    return ec;
}

error_code bind_unix(bound_socket& into, unix_endpoint const& where) {
    if (where.path.empty() || where.path.size() >= sizeof(sockaddr_un::sun_path)) {
        return make_error_code(boost::system::errc::filename_too_long);
    }
    if (auto const ec = clear_stale(where.path)) {
        return ec;
    }
    asio::local::stream_protocol::endpoint const address(where.path);
    auto const ec = open_and_bind(into, address.protocol(), address);
    // Nobody can connect before listen(2), so that the rights are right from the first moment.
    if (!ec && chmod(where.path.c_str(), where.mode) != 0) {
        return {errno, boost::system::system_category()};
    }
    return ec;
}

}  // namespace

std::string to_string(endpoint const& where) {
    if (auto const* const local = std::get_if<unix_endpoint>(&where)) {
        return "unix:" + local->path;
    }
    auto const& tcp = std::get<tcp_endpoint>(where);
    bool const v6 = tcp.address.find(':') != std::string::npos;
    return v6 ? fmt::format("[{}]:{}", tcp.address, tcp.port)
              : fmt::format("{}:{}", tcp.address, tcp.port);
}

bool is_local(endpoint const& where) {
    if (std::holds_alternative<unix_endpoint>(where)) {
        return true;
    }
    auto const& text = std::get<tcp_endpoint>(where).address;
    error_code ec;
    auto const address = asio::ip::make_address(text, ec);
    return text == "localhost" || (!ec && address.is_loopback());
}

owned_socket_file::owned_socket_file(std::string path) : path_(std::move(path)) {
    struct stat found {};
    if (lstat(path_.c_str(), &found) == 0) {
        device_ = found.st_dev;
        inode_ = found.st_ino;
    }
}

void owned_socket_file::remove() noexcept {
    struct stat found {};
    if (!path_.empty() && lstat(path_.c_str(), &found) == 0 && found.st_dev == device_ &&
        found.st_ino == inode_) {
        unlink(path_.c_str());
    }
    path_.clear();
}

broker::result<bound_socket> bind_and_listen(asio::io_context& loop, endpoint where) {
    auto const asked = where;
    bound_socket out{std::move(where), bound_socket::acceptor_type(loop), {}};
    auto* const tcp = std::get_if<tcp_endpoint>(&out.where);
    auto ec =
        tcp != nullptr ? bind_tcp(out, *tcp) : bind_unix(out, std::get<unix_endpoint>(out.where));
    if (!ec) {
        out.acceptor.listen(asio::socket_base::max_listen_connections, ec);
    }
    if (ec) {
        return refused(asked, ec);
    }
    if (tcp != nullptr) {
        return out;
    }
    return bound_socket{out.where, std::move(out.acceptor),
                        owned_socket_file(std::get<unix_endpoint>(out.where).path)};
}

std::string peer_address(generic::socket const& socket) {
    error_code ec;
    auto const remote = socket.remote_endpoint(ec);
    auto const family = ec ? AF_UNSPEC : remote.protocol().family();
    if (family != AF_INET && family != AF_INET6) {
        return {};
    }
    asio::ip::tcp::endpoint peer;
    peer.resize(remote.size());
    std::memcpy(peer.data(), remote.data(), remote.size());
    auto const address = peer.address();
    if (address.is_v6() && address.to_v6().is_v4_mapped()) {
        return asio::ip::make_address_v4(asio::ip::v4_mapped, address.to_v6()).to_string();
    }
    return address.to_string();
}

}  // namespace http
