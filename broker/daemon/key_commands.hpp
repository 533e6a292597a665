// SPDX-License-Identifier: Apache-2.0
// `kernel-broker keys`: opens the table beside a broker that may be running, changes keys, prints.
// Never takes the lock of the state directory, and makes nothing but for `add`. One thread.
#pragma once

#include "broker/daemon/commands.hpp"

#include <optional>

namespace broker {

/// True if a key in use exists; absent when the table cannot be read.
std::optional<bool> has_any_key(settings const& of);

/// The key alone on `out`. A key that could not be written there is revoked again.
exit_code keys_add_command(settings const& of, command_line const& line,
                           command_context const& context);
exit_code keys_list_command(settings const& of, bool json, command_context const& context);
exit_code keys_revoke_command(settings const& of, command_line const& line,
                              command_context const& context);

}  // namespace broker
