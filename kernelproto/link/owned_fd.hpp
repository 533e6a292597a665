// SPDX-License-Identifier: Apache-2.0
// A file descriptor of the link, closed with its owner. Never duplicated. One owner at a time.
#pragma once

#include <unistd.h>

#include <utility>

namespace kernelproto {

class owned_fd {
public:
    owned_fd() = default;
    explicit owned_fd(int fd) noexcept : fd_(fd) {}
    owned_fd(owned_fd&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
    owned_fd& operator=(owned_fd&& other) noexcept {
        if (this != &other) {
            reset();
            fd_ = std::exchange(other.fd_, -1);
        }
        return *this;
    }
    owned_fd(owned_fd const&) = delete;
    owned_fd& operator=(owned_fd const&) = delete;
    ~owned_fd() { reset(); }

    int get() const noexcept { return fd_; }
    explicit operator bool() const noexcept { return fd_ >= 0; }

    /// The caller closes it from now on.
    int release() noexcept { return std::exchange(fd_, -1); }

    void reset() noexcept {
        if (int const old = std::exchange(fd_, -1); old >= 0) {
            ::close(old);
        }
    }

private:
    int fd_ = -1;
};

}  // namespace kernelproto
