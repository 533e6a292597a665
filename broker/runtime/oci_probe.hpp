// SPDX-License-Identifier: Apache-2.0
// Whether sandboxes can be made here, found out by making one: created, read back, removed, its
// program never run. Never in the groups or directories of a running broker's sandboxes: probes
// have an instance of their own. Blocks; any thread.
#pragma once

#include "broker/runtime/cgroup_layout.hpp"
#include "broker/runtime/container_runtime.hpp"
#include "broker/runtime/oci_runtime.hpp"
#include "broker/runtime/runtime_finder.hpp"

namespace broker {

struct oci_examination {
    cgroup_layout layout;
    found_runtime runtime;  // the first that passed the probe
    runtime_report report;
};

oci_examination examine_host(oci_options const& options);

/// Removes what probes left behind whose broker was killed. Before the first start only.
void clear_probes(oci_options const& options);

}  // namespace broker
