// SPDX-License-Identifier: Apache-2.0
// Two facts of the host that admission and reconciliation ask for.
// Never cached: each call reads /proc anew (proc(5)). Any thread.
#pragma once

#include <cstdint>
#include <string>

namespace broker {

/// MemAvailable in bytes; the largest number when the host does not tell.
std::uint64_t available_memory_bytes();

/// Changes with every boot of the host; empty when the host does not tell.
std::string boot_id();

}  // namespace broker
