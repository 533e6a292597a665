// SPDX-License-Identifier: Apache-2.0
// A session's limits as cgroup files, and cgroup files as counters.
// Pure: paths and texts in, values out; the same table is written and compared after reading back.
// Values; any thread.
#pragma once

#include "broker/core/limits.hpp"
#include "broker/runtime/cgroup_layout.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace broker {

/// One line of the table: `value` goes into `file` of the session's group in the hierarchy of
/// `controller`.
struct cgroup_setting {
    enum class need {
        required,     // must be writable and read back
        if_present,   // where the kernel has the file (swap accounting)
        preparation,  // makes room for a later line; not read back, may fail
    };
    std::string controller;
    std::string file;
    std::string value;
    need how = need::required;
};

/// In the order in which they must be written.
std::vector<cgroup_setting> settings_for(cgroup_mode mode, limits const& to, double cpus);

/// Without the CPU part, which changes when a sandbox is settled.
std::vector<cgroup_setting> steady_settings_for(cgroup_mode mode, limits const& to);

/// The CPU part alone, for `settle`.
std::vector<cgroup_setting> cpu_settings_for(cgroup_mode mode, double cpus);

/// Whether what the file says is what was written. Sizes are held in whole pages.
bool reads_back(cgroup_setting const& setting, std::string_view text);

/// "key value" lines, and the first line of a one-value file under the empty key.
std::optional<std::uint64_t> parse_counter(std::string_view text, std::string_view key);

/// The device rules of a sandbox as devices.list shows them (v1), sorted.
std::vector<std::string> const& device_rules();

}  // namespace broker
