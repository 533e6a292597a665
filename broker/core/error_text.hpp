// SPDX-License-Identifier: Apache-2.0
// An exception of the program as JSON, whole or cut to what may be kept of it. Never an error that
// is too long to be told at all: the message's beginning and the traceback's end say most. Pure.
#pragma once

#include "broker/core/execution.hpp"

#include <cstdint>
#include <string>

namespace broker {

/// `{"ename":…,"evalue":…,"traceback":[…]}`; with a `type`, as an entry of `outputs[]`.
std::string error_json(raised_error const& error, bool as_output);

/// So short that it fits `tail_bytes` in its longest spelling.
raised_error shortened(raised_error error, std::uint64_t tail_bytes);

}  // namespace broker
