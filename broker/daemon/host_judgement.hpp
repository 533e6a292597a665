// SPDX-License-Identifier: Apache-2.0
// From what a host says of itself to what that means for sessions, and how to mend it.
// Never reads the host: a fixture of texts is judged as the host itself is. Pure; any thread.
#pragma once

#include "broker/daemon/finding.hpp"
#include "broker/daemon/host_facts.hpp"

#include <cstdint>
#include <optional>
#include <string_view>

namespace broker {

/// In the order in which a person mends a host: what it is, what runs sandboxes, what hardens them,
/// what there is room for.
findings judge_host(host_facts const& facts, settings const& of);

/// Bytes of a line such as `MemAvailable:   23880 kB`.
std::optional<std::uint64_t> meminfo_bytes(std::string_view meminfo, std::string_view name);

/// True if /proc/swaps lists a device or file below its heading.
bool swap_in_use(std::string_view swaps);

/// True if /proc/filesystems has the name.
bool has_filesystem(std::string_view filesystems, std::string_view name);

}  // namespace broker
