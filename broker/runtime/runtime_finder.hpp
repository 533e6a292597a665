// SPDX-License-Identifier: Apache-2.0
// Which OCI runtimes this host has, and what is to be said about them and about the host.
// Never decides by a version: what is too old is warned about, what does not work is found by a
// probe sandbox. Reads the host; any thread.
#pragma once

#include "broker/runtime/cgroup_layout.hpp"

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace broker {

struct found_runtime {
    std::string name;     // crun, runc, runsc, ...
    std::string path;     // absolute
    std::string version;  // "1.8.1", empty until `read_version`
};

/// Candidates in the order of preference: those named, with commas between; "auto" is "crun,runc".
std::vector<found_runtime> find_runtimes(std::string const& wanted);

/// Asks it, which takes some milliseconds; empty when it does not say.
std::string read_version(found_runtime const& runtime);

/// First word of digits and dots after "version" or "<name> version".
std::string parse_version(std::string_view output);

/// A sentence when this version lacks fixes that matter here.
std::optional<std::string> version_warning(found_runtime const& runtime);

/// What keeps any runtime from working on this host.
std::vector<std::string> host_problems(cgroup_layout const& layout, std::string const& monitor);

/// A sentence when there is swap (`swaps`: /proc/swaps) that cannot be limited; `has_memsw`: the v1
/// memory controller has its files; `cmdline`: what the kernel was started with.
std::optional<std::string> swap_warning(cgroup_mode mode, bool has_memsw, std::string_view swaps,
                                        std::string_view cmdline);

/// Modules of tunnels put an interface into every new network namespace unless
/// net.core.fb_tunnels_only_for_init_net (`setting`) forbids it, and a sandbox must have none.
std::optional<std::string> tunnel_problem(std::string_view net_dev, std::string_view setting);

/// What an operator should know, though it works.
std::vector<std::string> host_warnings(cgroup_layout const& layout);

}  // namespace broker
