// SPDX-License-Identifier: Apache-2.0
// Lines that a person types, or a pipe holds, as answers to the prompts of code.
// Never blocks: it says when there is something to read, and gives a line once it is whole.
// A terminal whose echo it switched off has it again when the prompt is over. One thread.
#pragma once

#include "broker/base/unique_fd.hpp"

#include <termios.h>

#include <optional>
#include <string>

namespace broker {

class answer_source {
public:
    /// The terminal is asked where standard input held the code.
    explicit answer_source(bool stdin_is_taken);
    answer_source(answer_source const&) = delete;
    answer_source& operator=(answer_source const&) = delete;
    ~answer_source() { stop(); }

    /// A prompt is open from here until there is a line, an end, or `stop`.
    void ask(bool secret);
    /// Can be read when `next` may have more to say; -1: no prompt is open.
    int fd() const noexcept { return open_ ? in_ : -1; }

    /// A whole line without its end, as soon as there is one. `ended`: there is none to come.
    std::optional<std::string> next(bool& ended);
    void stop();

private:
    std::optional<std::string> line();
    void echo(bool on);

    unique_fd terminal_;
    int in_ = -1;
    bool open_ = false;
    bool secret_ = false;
    bool at_end_ = false;
    std::optional<termios> before_;
    std::string buffer_;
};

}  // namespace broker
