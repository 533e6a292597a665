// SPDX-License-Identifier: Apache-2.0
// A file descriptor that is closed by whoever owns it, and pipes made of two.
// Never inherited by a child unless it is handed over by number. One owner each.
#pragma once

#include <unistd.h>

#include <cstddef>
#include <span>
#include <string_view>
#include <utility>

namespace language_kernel {

class descriptor {
public:
    descriptor() = default;
    explicit descriptor(int number) noexcept : number_(number) {}
    descriptor(descriptor&& other) noexcept : number_(std::exchange(other.number_, -1)) {}
    descriptor& operator=(descriptor&& other) noexcept {
        std::swap(number_, other.number_);
        return *this;
    }
    ~descriptor() { close(); }

    int get() const noexcept { return number_; }
    explicit operator bool() const noexcept { return number_ >= 0; }
    void close() noexcept {
        if (number_ >= 0) {
            ::close(std::exchange(number_, -1));
        }
    }

private:
    int number_ = -1;
};

struct pipe_ends {
    descriptor read;
    descriptor write;
};

enum class blocking { neither, reading, writing };

/// Close-on-exec both; an end of ours does not block, `which` names the child's. Throws
/// std::system_error.
pipe_ends make_pipe(blocking which);

enum class read_result { some, nothing_yet, end };

/// One read(2), at most `room`; what came is at the front of it. An error counts as the end.
read_result read_some(int from, std::span<char> room, std::size_t& bytes) noexcept;

/// All of it or false.
bool write_whole(int to, std::string_view bytes) noexcept;

}  // namespace language_kernel
