// SPDX-License-Identifier: Apache-2.0
// The standard input of one cell: lines that the client is asked for, each when a process waits.
// Never guesses: a process waits when one of its threads is in read(2) of this very pipe, as
// /proc/PID/task/TID/syscall tells; where the system does not tell, input ends. One owner.
#pragma once

#include "images/language-kernel/descriptor.hpp"

#include <string>
#include <string_view>

namespace language_kernel {

class input_fifo {
public:
    /// A named pipe at `path`; when it cannot be made, `path()` is /dev/null.
    explicit input_fifo(std::string path);

    /// What a cell opens.
    std::string const& path() const noexcept { return path_; }

    /// Whether a process below this one waits for a line.
    bool wanted();

    /// A line without its end. As Jupyter has it, "\x04" is the end of the input; so is a line that
    /// no pipe takes whole.
    void give(std::string_view line);

private:
    std::string path_;
    descriptor end_;
};

}  // namespace language_kernel
