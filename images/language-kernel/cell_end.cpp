// SPDX-License-Identifier: Apache-2.0
// Ends of cells in words. Never more than one line each. Pure; any thread.
#include "images/language-kernel/cell_end.hpp"

#include <string.h>
#include <sys/wait.h>

namespace language_kernel {
namespace {

std::string signal_name(int number) {
    char const* const name = sigabbrev_np(number);
    return (name != nullptr ? "SIG" + std::string{name} : std::string{"signal"}) + " (" +
           std::to_string(number) + ")";
}

kernelproto::raised raised_as(std::string ename, std::string evalue, std::string line) {
    return {std::move(ename), std::move(evalue), {std::move(line)}};
}

}  // namespace

cell_end end_of_process(int wait_status) {
    if (WIFSIGNALED(wait_status)) {
        return {cell_end::how::signalled, WTERMSIG(wait_status), {}, shell_state::kept};
    }
    return {cell_end::how::exited, WEXITSTATUS(wait_status), {}, shell_state::kept};
}

cell_end end_of_compiler(int wait_status) {
    int const code =
        WIFSIGNALED(wait_status) ? 128 + WTERMSIG(wait_status) : WEXITSTATUS(wait_status);
    return {cell_end::how::compile_failed, code, {}, shell_state::kept};
}

std::optional<kernelproto::raised> error_of(cell_end const& end) {
    auto const number = std::to_string(end.number);
    switch (end.what) {
        case cell_end::how::exited:
            if (end.number == 0) {
                return std::nullopt;
            }
            return raised_as("ExitStatus", number, "exit status " + number);
        case cell_end::how::signalled: {
            auto const name = signal_name(end.number);
            return raised_as("Signal", name, "ended by " + name);
        }
        case cell_end::how::compile_failed:
            return raised_as("CompileError", number,
                             "the program was not compiled: exit status " + number);
        case cell_end::how::program_missing:
            return raised_as("MissingProgram", end.detail,
                             "not in this image: the program " + end.detail);
        case cell_end::how::not_started:
            return raised_as("NotStarted", end.detail, "the code was not run: " + end.detail);
    }
    return std::nullopt;
}

std::string shell_note(shell_state shell) {
    switch (shell) {
        case shell_state::kept:
            return {};
        case shell_state::ended:
            return "[the shell has ended; the next cell begins in a new one: variables, functions, "
                   "options and the working directory are gone]\n";
    }
    return {};
}

}  // namespace language_kernel
