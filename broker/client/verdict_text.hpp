// SPDX-License-Identifier: Apache-2.0
// What the JSON of an ended execution says, in words and as an exit status.
// Never judges: the server has. Pure; any thread.
#pragma once

#include "broker/client/json_value.hpp"

#include <string>

namespace broker::client {

/// The exit status when what became of the code is not known.
inline constexpr int no_verdict = 125;

/// How an execution ended that neither ran to its end nor raised; else empty.
std::string verdict_text(json const& execution);

/// That the session it ran in had lost variables or files before; else empty.
std::string state_text(json const& execution);

/// 0 to 255.
int exit_status_of(json const& execution);

}  // namespace broker::client
