// SPDX-License-Identifier: Apache-2.0
// read(2) where poll(2) said so, and termios for what must not be seen. Never keeps a secret longer
// than it is handed on. One thread.
#include "broker/daemon/answer_source.hpp"

#include <fcntl.h>
#include <poll.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <utility>

namespace broker {

answer_source::answer_source(bool stdin_is_taken) : in_(STDIN_FILENO) {
    if (stdin_is_taken) {
        terminal_.reset(::open("/dev/tty", O_RDWR | O_CLOEXEC | O_NOCTTY));
        in_ = terminal_.get();
    }
}

void answer_source::ask(bool secret) {
    open_ = true;
    secret_ = secret;
    if (secret) {
        echo(false);
    }
}

std::optional<std::string> answer_source::next(bool& ended) {
    ended = false;
    if (auto whole = line()) {
        return whole;
    }
    pollfd waited{in_, POLLIN, 0};
    if (!at_end_ && in_ >= 0 && ::poll(&waited, 1, 0) <= 0) {
        return std::nullopt;
    }
    std::array<char, 4096> bytes{};
    auto const got = in_ >= 0 && !at_end_ ? ::read(in_, bytes.data(), bytes.size()) : 0;
    if (got < 0 && (errno == EINTR || errno == EAGAIN)) {
        return std::nullopt;
    }
    if (got > 0) {
        buffer_.append(bytes.data(), static_cast<std::size_t>(got));
        return line();
    }
    // A last line need not end as one.
    at_end_ = true;
    if (!buffer_.empty()) {
        stop();
        return std::exchange(buffer_, {});
    }
    ended = true;
    stop();
    return std::nullopt;
}

std::optional<std::string> answer_source::line() {
    auto const end = buffer_.find('\n');
    if (end == std::string::npos) {
        return std::nullopt;
    }
    auto out = buffer_.substr(0, end);
    buffer_.erase(0, end + 1);
    stop();
    return out;
}

void answer_source::stop() {
    open_ = false;
    if (std::exchange(secret_, false)) {
        echo(true);
    }
}

void answer_source::echo(bool on) {
    termios now{};
    if (!on && ::tcgetattr(in_, &now) == 0) {
        before_ = now;
        now.c_lflag &= ~static_cast<tcflag_t>(ECHO);
        (void)::tcsetattr(in_, TCSAFLUSH, &now);
    } else if (on && before_) {
        (void)::tcsetattr(in_, TCSAFLUSH, &*before_);
        before_.reset();
    }
}

}  // namespace broker
