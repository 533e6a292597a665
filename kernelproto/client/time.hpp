// SPDX-License-Identifier: Apache-2.0
// The clock that deadlines are on. Never read by a machine: `now` is always an argument.
// A type; no threads.
#pragma once

#include <chrono>

namespace kernelproto {

using steady_time = std::chrono::steady_clock::time_point;

}  // namespace kernelproto
