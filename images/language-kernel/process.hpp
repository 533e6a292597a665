// SPDX-License-Identifier: Apache-2.0
// Processes: started in a session of their own, and ended with all that came of them.
// Never searches a program in the child, never lets it inherit a descriptor that is not named, and
// never signals a process that is no descendant of this one. The thread that starts must live on:
// children die with it.
#pragma once

#include <sys/types.h>

#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace language_kernel {

struct launch {
    /// The first is the program, with its path.
    std::vector<std::string> argv;
    /// Name and value of variables that are set unless the environment has them.
    std::vector<std::pair<std::string, std::string>> variables;
    std::string directory;  // empty: ours
    /// Number in the child and number here; what is not named below 3 is /dev/null.
    std::vector<std::pair<int, int>> descriptors;
};

/// The process, whose group and session have its number; or what errno was.
struct launched {
    pid_t process = 0;  // 0: not started
    int error = 0;
};
launched start_process(launch const& what);

/// Where `name` is on PATH, if it can be executed. One with a slash is looked for as it is.
std::optional<std::string> find_program(std::string_view name);

/// All that live below this process, without `kept` (0: none) itself.
std::vector<pid_t> living_descendants(pid_t kept);

/// SIGKILL for every descendant of this process but `kept` (0: none), again until none is left or
/// two seconds are over. This process has to be a subreaper, or some would get away. Does not reap.
void end_descendants(pid_t kept);

}  // namespace language_kernel
