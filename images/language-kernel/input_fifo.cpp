// SPDX-License-Identifier: Apache-2.0
// A named pipe that is open for both directions here, so that opening it waits for nobody.
// Never blocks. One owner.
#include "images/language-kernel/input_fifo.hpp"

#include "images/language-kernel/process.hpp"

#include <fcntl.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#include <array>
#include <cerrno>
#include <charconv>
#include <cstddef>
#include <filesystem>
#include <utility>

namespace language_kernel {
namespace {

namespace fs = std::filesystem;

enum class thread_state { waits, elsewhere, not_told };

/// proc(5), /proc/PID/syscall: the number of the call and its arguments, or a word.
thread_state state_of(std::string const& thread, struct stat const& pipe) {
    descriptor const file{::open((thread + "/syscall").c_str(), O_RDONLY | O_CLOEXEC)};
    std::array<char, 256> room{};
    std::size_t bytes = 0;
    if (!file || read_some(file.get(), room, bytes) != read_result::some) {
        return errno == EPERM || errno == EACCES ? thread_state::not_told : thread_state::elsewhere;
    }
    char const* const end = room.data() + bytes;
    long call = -1;
    auto const [stop, error] = std::from_chars(room.data(), end, call);
    constexpr std::string_view hex = " 0x";
    if (error != std::errc{} || call != SYS_read ||
        !std::string_view(stop, static_cast<std::size_t>(end - stop)).starts_with(hex)) {
        return thread_state::elsewhere;
    }
    int number = -1;
    std::from_chars(stop + hex.size(), end, number, 16);
    struct stat found {};
    auto const link = thread + "/fd/" + std::to_string(number);
    return ::stat(link.c_str(), &found) == 0 && found.st_dev == pipe.st_dev &&
                   found.st_ino == pipe.st_ino
               ? thread_state::waits
               : thread_state::elsewhere;
}

thread_state state_of_process(pid_t process, struct stat const& pipe) {
    std::error_code error;
    auto worst = thread_state::elsewhere;
    for (fs::directory_iterator at{"/proc/" + std::to_string(process) + "/task", error}, end;
         !error && at != end; at.increment(error)) {
        auto const state = state_of(at->path().string(), pipe);
        if (state == thread_state::waits) {
            return state;
        }
        worst = state == thread_state::not_told ? state : worst;
    }
    return worst;
}

}  // namespace

input_fifo::input_fifo(std::string path) : path_(std::move(path)) {
    ::unlink(path_.c_str());  // that of an earlier cell
    if (::mkfifo(path_.c_str(), 0600) == 0) {
        end_ = descriptor{::open(path_.c_str(), O_RDWR | O_NONBLOCK | O_CLOEXEC)};
    }
    if (!end_) {
        path_ = "/dev/null";
    }
}

bool input_fifo::wanted() {
    struct stat pipe {};
    int unread = 0;
    if (!end_ || ::fstat(end_.get(), &pipe) != 0 || ::ioctl(end_.get(), FIONREAD, &unread) != 0 ||
        unread > 0) {
        return false;
    }
    for (auto const process : living_descendants(0)) {
        auto const state = state_of_process(process, pipe);
        if (state == thread_state::waits) {
            return true;
        }
        if (state == thread_state::not_told) {
            end_.close();
            return false;
        }
    }
    return false;
}

void input_fifo::give(std::string_view line) {
    if (end_ && (line == "\x04" || !write_whole(end_.get(), std::string{line} + '\n'))) {
        end_.close();
    }
}

}  // namespace language_kernel
