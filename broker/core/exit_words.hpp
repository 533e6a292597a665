// SPDX-License-Identifier: Apache-2.0
// What processes and programs say by their end: wait statuses, signals, the text of SystemExit, the
// words of our language kernel, and stderr as a terminal would have shown it.
// Never knows of executions as a whole; `verdict` does. Pure.
#pragma once

#include "broker/core/execution.hpp"

#include <optional>
#include <string>
#include <string_view>

namespace broker {

/// How a process ended; `signal` is 0 when it ended by itself.
struct process_end {
    int status = 0;
    int signal = 0;

    /// As a shell shows it: 128 + signal, or the status.
    int exit_code() const noexcept { return signal != 0 ? 128 + signal : status; }
};

/// `raw` as in wait(2). The sandbox's first process is an init, which tells the end of the kernel
/// by signal s as its own status 128 + s: that counts as the signal.
process_end process_end_of(int raw) noexcept;

/// `SIGSEGV (segmentation fault)`, or `signal 42`.
std::string signal_words(int signal);

/// Exit status of `SystemExit` by the text of its value: empty 0, an integer & 255, `True` and
/// `False` 1 and 0; nothing for any other text, which is printed and means 1.
std::optional<int> system_exit_status(std::string_view evalue);

/// How a program of a session ended whose language is not Python, as our language kernel tells it.
struct program_end {
    int exit_code = 0;
    bool by_signal = false;
    std::string note;  // one line, where stderr has nothing of it yet
};

/// Nothing for any other error: the words of that kernel come with a single line of traceback,
/// which an exception of the same name has not.
std::optional<program_end> program_end_of(raised_error const& error);

/// Without the escape sequences of ECMA-48 (colours, links, cursor movement).
std::string strip_ansi(std::string_view text);

/// stderr of the simple dialects: what was printed, then the traceback without ANSI codes (of
/// SystemExit its text, without IPython's hint on how to leave; of a program's end none), then
/// `note` as a line of its own.
std::string plain_stderr(std::string_view printed, std::optional<raised_error> const& error,
                         std::string_view note);

}  // namespace broker
