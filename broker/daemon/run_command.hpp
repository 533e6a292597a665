// SPDX-License-Identifier: Apache-2.0
// `kernel-broker run`: code goes to a broker, its output comes here as it is printed.
// Never runs anything on this host; needs no settings. Blocks; one thread.
#pragma once

#include "broker/daemon/commands.hpp"

namespace broker {

/// The exit status of the code, which need not be one that `exit_code` names.
exit_code run_code_command(command_line const& line, command_context const& context);

}  // namespace broker
