// SPDX-License-Identifier: Apache-2.0
// A listening unix socket that nobody may connect to, and that knows who did.
// Never accepts before it is asked. One test each.
#pragma once

#include "kernelproto/link/owned_fd.hpp"
#include "tests/support/catch.hpp"

#include <sys/socket.h>
#include <sys/un.h>

#include <cstring>
#include <string>

namespace tests {

class canary {
public:
    /// `queue` as for listen(2): one more than it may wait to be accepted.
    explicit canary(std::string const& path, int queue = 16)
        : fd_(::socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0)) {
        sockaddr_un address{};
        address.sun_family = AF_UNIX;
        std::memcpy(address.sun_path, path.data(), path.size());
        REQUIRE(::bind(fd_.get(), reinterpret_cast<sockaddr const*>(&address), sizeof address) ==
                0);
        REQUIRE(::listen(fd_.get(), queue) == 0);
    }

    /// Since the last time.
    int connections() const {
        int count = 0;
        while (kernelproto::owned_fd const peer{
            ::accept4(fd_.get(), nullptr, nullptr, SOCK_CLOEXEC)}) {
            ++count;
        }
        return count;
    }

private:
    kernelproto::owned_fd fd_;
};

}  // namespace tests
