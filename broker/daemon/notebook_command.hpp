// SPDX-License-Identifier: Apache-2.0
// `kernel-broker exec-notebook`: the cells of a notebook run on a broker, in one session, in order.
// Never leaves the result half written; needs no settings. Blocks; one thread.
#pragma once

#include "broker/daemon/commands.hpp"

namespace broker {

/// The result is written whenever a cell was run, also after an error or a signal.
exit_code exec_notebook_command(command_line const& line, command_context const& context);

}  // namespace broker
