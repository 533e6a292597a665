// SPDX-License-Identifier: Apache-2.0
// Non-blocking sockets and poll(2). Never raises SIGPIPE. One thread.
#include "broker/client/connection.hpp"

#include <fmt/format.h>
#include <netdb.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <memory>
#include <system_error>

namespace broker::client {
namespace {

constexpr std::size_t read_size = 64UL * 1024;

failure failed(std::string_view what, int error) {
    return fail(errc::internal, fmt::format("{}: {}", what, std::system_category().message(error)));
}

int poll_time(deadline until) {
    auto const left =
        std::chrono::ceil<std::chrono::milliseconds>(until - std::chrono::steady_clock::now());
    return static_cast<int>(std::clamp<std::int64_t>(left.count(), 0, 3'600'000));
}

/// 0, or the errno of why there is no connection.
int connect_to(int socket, sockaddr const* address, socklen_t size, wakers const& also,
               deadline until) {
    if (::connect(socket, address, size) == 0) {
        return 0;
    }
    if (errno != EINPROGRESS) {
        return errno;
    }
    switch (wait_on(socket, POLLOUT, {also.signal, -1}, until)) {
        case wait_end::ready:
            break;
        case wait_end::signal:
        case wait_end::input:
            return EINTR;
        case wait_end::timed_out:
            return ETIMEDOUT;
    }
    int error = 0;
    socklen_t length = sizeof(error);
    return ::getsockopt(socket, SOL_SOCKET, SO_ERROR, &error, &length) == 0 ? error : errno;
}

result<unique_fd> open_unix(server_url const& to, wakers const& also, deadline until) {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    std::memcpy(address.sun_path, to.unix_path.data(),
                std::min(to.unix_path.size(), sizeof(address.sun_path) - 1));
    unique_fd socket{::socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0)};
    if (!socket) {
        return failed("no socket", errno);
    }
    auto const* generic = reinterpret_cast<sockaddr const*>(&address);
    if (int const error = connect_to(socket.get(), generic, sizeof(address), also, until)) {
        return failed("unix:" + to.unix_path, error);
    }
    return socket;
}

result<unique_fd> open_tcp(server_url const& to, wakers const& also, deadline until) {
    auto const where = "http://" + to.authority;
    addrinfo hints{};
    hints.ai_socktype = SOCK_STREAM;
    addrinfo* found = nullptr;
    if (::getaddrinfo(to.host.c_str(), to.port.c_str(), &hints, &found) != 0) {
        return fail(errc::internal, where + ": the host has no address");
    }
    std::unique_ptr<addrinfo, decltype(&::freeaddrinfo)> const owner{found, &::freeaddrinfo};
    int error = EADDRNOTAVAIL;
    for (auto const* one = found; one != nullptr; one = one->ai_next) {
        unique_fd socket{::socket(one->ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0)};
        if (!socket) {
            error = errno;
            continue;
        }
        error = connect_to(socket.get(), one->ai_addr, one->ai_addrlen, also, until);
        if (error == 0) {
            return socket;
        }
        if (error == EINTR) {
            break;
        }
    }
    return failed(where, error);
}

}  // namespace

wait_end wait_on(int fd, short events, wakers const& also, deadline until) {
    std::array<pollfd, 3> waited{
        {{also.signal, POLLIN, 0}, {fd, events, 0}, {also.input, POLLIN, 0}}};
    for (;;) {
        int const count = ::poll(waited.data(), waited.size(), poll_time(until));
        if (count < 0 && errno == EINTR) {
            continue;
        }
        if (waited[0].revents != 0) {
            return wait_end::signal;
        }
        if (waited[1].revents != 0) {
            return wait_end::ready;
        }
        if (waited[2].revents != 0) {
            return wait_end::input;
        }
        if (count < 0 || std::chrono::steady_clock::now() >= until) {
            return wait_end::timed_out;
        }
    }
}

result<connection> connection::open(server_url const& to, wakers const& also, deadline until) {
    auto socket = to.unix_path.empty() ? open_tcp(to, also, until) : open_unix(to, also, until);
    if (!socket) {
        return socket.error();
    }
    return connection{*std::move(socket)};
}

result<void> connection::send(std::string_view bytes, wakers const& also, deadline until) {
    while (!bytes.empty()) {
        auto const sent = ::send(socket_.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL);
        if (sent >= 0) {
            bytes.remove_prefix(static_cast<std::size_t>(sent));
        } else if (errno != EAGAIN && errno != EINTR) {
            return failed("the connection broke", errno);
        } else if (auto const end = wait_on(socket_.get(), POLLOUT, {also.signal, -1}, until);
                   end != wait_end::ready) {
            return failed("the request was not sent", end == wait_end::signal ? EINTR : ETIMEDOUT);
        }
    }
    return {};
}

connection::received connection::receive(std::string& into, wakers const& also, deadline until) {
    into.clear();
    for (;;) {
        switch (wait_on(socket_.get(), POLLIN, also, until)) {
            case wait_end::ready:
                break;
            case wait_end::signal:
                return received::signal;
            case wait_end::input:
                return received::input;
            case wait_end::timed_out:
                return received::timed_out;
        }
        into.resize(read_size);
        auto const got = ::recv(socket_.get(), into.data(), into.size(), 0);
        into.resize(got > 0 ? static_cast<std::size_t>(got) : 0);
        if (got > 0) {
            return received::bytes;
        }
        if (got == 0 || (errno != EAGAIN && errno != EINTR)) {
            return received::closed;
        }
    }
}

}  // namespace broker::client
