// SPDX-License-Identifier: Apache-2.0
// The configuration of this run: which file, its text, this environment, these flags.
// Never looks anywhere else. Blocks for the read; any thread.
#pragma once

#include "broker/daemon/command_line.hpp"
#include "broker/daemon/config.hpp"

namespace broker {

inline constexpr char const* default_config_path = "/etc/kernel-broker/config.toml";

/// The file is the one named by a flag, else by `KERNEL_BROKER_CONFIG`, else the default one if it
/// exists; a named one that cannot be read is a problem.
config load_config(command_line const& line, named_texts const& environment);

/// NAME=value as execve(2) hands it over.
named_texts read_environment(char const* const* environment);

}  // namespace broker
