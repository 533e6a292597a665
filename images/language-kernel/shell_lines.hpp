// SPDX-License-Identifier: Apache-2.0
// What the kernel and its bash say to each other: lines of commands one way, on bash's own standard
// input, and lines `<cell> <status>` and `<cell> end` the other way, on a descriptor of their own.
// Never lets a cell's code see that descriptor, and never puts code on a line: bash reads it from a
// file, so that nothing in it can end or swallow a line. Pure; any thread.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace language_kernel {

/// Descriptors that bash is started with. Below ten: those from ten on bash takes for its own.
inline constexpr int shell_stderr = 7;
inline constexpr int shell_stdout = 8;
inline constexpr int shell_told = 9;

/// The command line of the shell. It has to be an interactive one: those alone survive an interrupt
/// and an unset variable, and come back to the next line.
std::vector<std::string> shell_command(std::string path);

/// Once, before any cell: no prompts, no history.
std::string first_line();

/// Reads the file in the shell itself. An interrupt may make bash forget the beginning of a line
/// that it reads and take the rest for a command: so no line has quotes or words of others in it,
/// and of each the end alone does no harm.
std::string source_line(std::string_view file);

/// For such a file: runs `file` in the shell itself, with its three streams for this cell only.
/// Prompts, traces and notices about jobs between cells go to the shell's own stderr, which is
/// /dev/null.
std::string cell_line(std::string_view file, std::vector<std::string> const& argv,
                      std::string_view input);

/// Tells `$?`, forgets jobs (the kernel ends them) and unsets options that hold for a cell only.
std::string end_line(std::uint64_t cell);

/// A word in single quotes.
std::string quoted(std::string_view word);

/// Reads what bash tells, in pieces of any length.
class shell_ear {
public:
    /// The status of `cell`, once it has ended. Lines about other cells are of a time past: after
    /// an interrupt the end is asked for twice.
    std::optional<int> hear(std::string_view bytes, std::uint64_t cell);

private:
    void hear_line(std::string_view line, std::uint64_t cell);

    std::string begun_;
    std::uint64_t of_ = 0;
    std::optional<int> status_;
    bool ended_ = false;
};

}  // namespace language_kernel
