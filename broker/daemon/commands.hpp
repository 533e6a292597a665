// SPDX-License-Identifier: Apache-2.0
// The commands of the program: what each does, prints and returns.
// Never a server: `serve` is its own file and is handed in. Answers go to `out`, all else to
// `err`. One thread.
#pragma once

#include "broker/daemon/command_line.hpp"
#include "broker/daemon/config.hpp"
#include "broker/daemon/exit_code.hpp"

#include <functional>
#include <iosfwd>

namespace broker {

struct command_context {
    named_texts environment;
    std::ostream& out;
    std::ostream& err;
    bool color = false;      // `out` is a terminal
    bool err_color = false;  // `err` is a terminal
    std::function<exit_code(settings const&)> serve;
};

exit_code run_command(command_line const& line, command_context const& context);

}  // namespace broker
