// SPDX-License-Identifier: Apache-2.0
// What the program's exit status says; --help and docs/cli.md print this list.
// Never a status outside it, except that a signal ends the process as the system reports it, and
// that `run` ends with the status of the code it ran. Values.
#pragma once

#include <array>
#include <string_view>

namespace broker {

enum class exit_code {
    ok = 0,
    failed = 1,
    usage = 2,
    configuration = 3,
    busy = 4,
    no_answer = 125,
    interrupted = 130,
};

struct exit_code_meaning {
    exit_code code;
    std::string_view text;
};

inline constexpr std::array<exit_code_meaning, 7> exit_code_meanings{{
    {exit_code::ok, "done; for doctor: sessions can run here; for serve: stopped when asked to"},
    {exit_code::failed,
     "not done, standard error says why; for check-config and doctor: the answer "
     "is no"},
    {exit_code::usage, "the command line is wrong; nothing was done"},
    {exit_code::configuration, "the configuration was refused; nothing was done"},
    {exit_code::busy, "what serve needs is taken: state directory or address in use, disk full"},
    {exit_code::no_answer,
     "run, exec-notebook: no broker answered, it refused, or the end is not known"},
    {exit_code::interrupted,
     "run, exec-notebook: interrupted; run has the code's other statuses too"},
}};

constexpr int status_of(exit_code code) noexcept { return static_cast<int>(code); }

}  // namespace broker
