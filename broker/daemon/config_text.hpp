// SPDX-License-Identifier: Apache-2.0
// The configuration as text: what is in effect, the commented example, the page of documentation.
// Never anything that the table of settings does not say. Pure; any thread.
#pragma once

#include "broker/daemon/config.hpp"

#include <string>

namespace broker {

/// Valid TOML with every setting; a comment behind each tells the source. Holds no secret: there is
/// none among the settings.
std::string effective_toml(config const& of);

/// deploy/kernel-broker.toml: every setting commented out, with its meaning and default.
std::string example_toml();

/// The tables of docs/configuration.md.
std::string settings_markdown();

}  // namespace broker
