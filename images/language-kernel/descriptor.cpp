// SPDX-License-Identifier: Apache-2.0
// Pipes made, read and written. Never waits on an end that does not block. Any thread.
#include "images/language-kernel/descriptor.hpp"

#include <fcntl.h>

#include <array>
#include <cerrno>
#include <system_error>

namespace language_kernel {
namespace {

void set_nonblocking(int number) {
    int const flags = ::fcntl(number, F_GETFL);
    if (flags < 0 || ::fcntl(number, F_SETFL, flags | O_NONBLOCK) < 0) {
        throw std::system_error(errno, std::generic_category(), "fcntl");
    }
}

}  // namespace

pipe_ends make_pipe(blocking which) {
    std::array<int, 2> ends{};
    if (::pipe2(ends.data(), O_CLOEXEC) != 0) {
        throw std::system_error(errno, std::generic_category(), "pipe2");
    }
    pipe_ends made{descriptor{ends[0]}, descriptor{ends[1]}};
    if (which != blocking::reading) {
        set_nonblocking(ends[0]);
    }
    if (which != blocking::writing) {
        set_nonblocking(ends[1]);
    }
    return made;
}

read_result read_some(int from, std::span<char> room, std::size_t& bytes) noexcept {
    ssize_t count = 0;
    do {
        count = ::read(from, room.data(), room.size());
    } while (count < 0 && errno == EINTR);
    bytes = count > 0 ? static_cast<std::size_t>(count) : 0;
    if (count > 0) {
        return read_result::some;
    }
    return count < 0 && errno == EAGAIN ? read_result::nothing_yet : read_result::end;
}

bool write_whole(int to, std::string_view bytes) noexcept {
    while (!bytes.empty()) {
        auto const count = ::write(to, bytes.data(), bytes.size());
        if (count < 0 && errno == EINTR) {
            continue;
        }
        if (count <= 0) {
            return false;
        }
        bytes.remove_prefix(static_cast<std::size_t>(count));
    }
    return true;
}

}  // namespace language_kernel
