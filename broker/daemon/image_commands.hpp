// SPDX-License-Identifier: Apache-2.0
// `kernel-broker image`: builds with progress, lists what is there.
// Never touches a session: those that run keep their image. One thread.
#pragma once

#include "broker/daemon/commands.hpp"

namespace broker {

/// Progress goes to `err`; `out` gets the digest alone.
exit_code image_build_command(settings const& of, command_line const& line,
                              command_context const& context);
exit_code image_list_command(settings const& of, bool json, command_context const& context);

}  // namespace broker
