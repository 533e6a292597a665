// SPDX-License-Identifier: Apache-2.0
// How a cell ended, and the words in which a Jupyter kernel tells it: the one place of this
// mapping. Never tells a failure as success, and never leaves out that a shell's state is gone.
// Values; any thread.
//
//   end               ename           evalue         exit code for those who want one number
//   status 0          (status "ok")                  0
//   exit status N     ExitStatus      "N"            N
//   death by signal   Signal          "SIGSEGV (11)" 128 + the number in brackets
//   compiler failed   CompileError    "N"            N, the compiler's; 128 + signal for its death
//   tool not there    MissingProgram  "rustc"        127
//   never started     NotStarted      the reason     126
#pragma once

#include "kernelproto/wire/content.hpp"

#include <optional>
#include <string>

namespace language_kernel {

/// Of bash alone; the other languages have no state between cells.
enum class shell_state {
    kept,
    /// The cell ended its shell: the next one begins in a new one.
    ended,
};

struct cell_end {
    enum class how { exited, signalled, compile_failed, program_missing, not_started };

    how what = how::exited;
    int number = 0;      // exit status or signal
    std::string detail;  // the missing program, or why nothing was started
    shell_state shell = shell_state::kept;

    friend bool operator==(cell_end const&, cell_end const&) = default;
};

/// From a status of wait(2).
cell_end end_of_process(int wait_status);
/// The same for a compiler; precondition: it did not succeed.
cell_end end_of_compiler(int wait_status);

/// Nothing for exit status 0. The traceback is one line.
std::optional<kernelproto::raised> error_of(cell_end const& end);

/// What is said on stderr when a shell's state is lost; empty when it is kept.
std::string shell_note(shell_state shell);

}  // namespace language_kernel
