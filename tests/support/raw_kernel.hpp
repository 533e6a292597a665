// SPDX-License-Identifier: Apache-2.0
// The five sockets of a kernel that sends the bytes it is told to, right or wrong.
// Never reads or writes but when the test says so, in the test's thread, so that nothing is left to
// chance. One test each.
#pragma once

#include "kernelproto/client/events.hpp"
#include "kernelproto/link/owned_fd.hpp"
#include "kernelproto/zmtp/encode.hpp"
#include "tests/support/stage.hpp"

#include <fcntl.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <string>
#include <string_view>
#include <utility>

namespace tests {

class raw_kernel {
public:
    explicit raw_kernel(stage const& where) {
        for (std::size_t i = 0; i < 5; ++i) {
            // As ports 1..5 of the connection file, which is not the order of `channel`.
            constexpr std::array numbers{1, 4, 2, 3, 5};
            listeners_[i] = kernelproto::owned_fd{::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0)};
            sockaddr_un address{};
            address.sun_family = AF_UNIX;
            where.path(numbers[i]).copy(address.sun_path, sizeof address.sun_path - 1);
            REQUIRE(::bind(listeners_[i].get(), reinterpret_cast<sockaddr*>(&address),
                           sizeof address) == 0);
            REQUIRE(::listen(listeners_[i].get(), 16) == 0);
        }
    }

    /// Takes the connections that were made; the last of each is the one that counts.
    void accept() {
        for (std::size_t i = 0; i < 5; ++i) {
            ::fcntl(listeners_[i].get(), F_SETFL, O_NONBLOCK);
            for (;;) {
                kernelproto::owned_fd next{
                    ::accept4(listeners_[i].get(), nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK)};
                if (!next) {
                    break;
                }
                peers_[i] = std::move(next);
            }
            REQUIRE(peers_[i]);
        }
    }

    /// Greets on all channels as libzmq does.
    void greet() {
        using namespace std::string_literals;
        for (auto const c :
             {kernelproto::channel::shell, kernelproto::channel::control,
              kernelproto::channel::stdin_channel, kernelproto::channel::heartbeat}) {
            say(c, kernelproto::zmtp::greeting() +
                       "\x04\x1C\x05READY\x0BSocket-Type\0\0\0\x06ROUTER"s);
        }
        say(kernelproto::channel::iopub,
            kernelproto::zmtp::greeting() + "\x04\x1A\x05READY\x0BSocket-Type\0\0\0\x04XPUB"s);
    }

    /// Returns how many bytes the socket took: all, unless nobody reads them.
    std::size_t say(kernelproto::channel on, std::string_view bytes) {
        std::size_t done = 0;
        while (done < bytes.size()) {
            auto const sent =
                ::send(fd(on), bytes.data() + done, bytes.size() - done, MSG_NOSIGNAL);
            if (sent <= 0) {
                break;
            }
            done += static_cast<std::size_t>(sent);
        }
        return done;
    }

    /// What has come since the last time.
    std::string heard(kernelproto::channel on) {
        std::string all;
        std::array<char, 65536> some;
        for (;;) {
            auto const got = ::recv(fd(on), some.data(), some.size(), 0);
            if (got <= 0) {
                return all;
            }
            all.append(some.data(), static_cast<std::size_t>(got));
        }
    }

    /// Sends a byte and a descriptor with it. Returns the error.
    int pass_a_descriptor(kernelproto::channel on) {
        char byte = 0;
        iovec bytes{&byte, 1};
        alignas(cmsghdr) std::array<char, CMSG_SPACE(sizeof(int))> control{};
        msghdr what{};
        what.msg_iov = &bytes;
        what.msg_iovlen = 1;
        what.msg_control = control.data();
        what.msg_controllen = control.size();
        auto* const head = CMSG_FIRSTHDR(&what);
        head->cmsg_level = SOL_SOCKET;
        head->cmsg_type = SCM_RIGHTS;
        head->cmsg_len = CMSG_LEN(sizeof(int));
        int const passed = fd(on);
        std::memcpy(CMSG_DATA(head), &passed, sizeof passed);
        return ::sendmsg(fd(on), &what, MSG_NOSIGNAL) < 0 ? errno : 0;
    }

    /// Nothing more can be sent to it, though it may say more.
    void stop_reading(kernelproto::channel on) { ::shutdown(fd(on), SHUT_RD); }

    void hang_up(kernelproto::channel on) { peers_[static_cast<std::size_t>(on)].reset(); }

private:
    int fd(kernelproto::channel on) const { return peers_[static_cast<std::size_t>(on)].get(); }

    std::array<kernelproto::owned_fd, 5> listeners_;
    std::array<kernelproto::owned_fd, 5> peers_;
};

}  // namespace tests
