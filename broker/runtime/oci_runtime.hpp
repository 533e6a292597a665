// SPDX-License-Identifier: Apache-2.0
// Sandboxes made by an OCI runtime (crun, else runc) from a bundle that is written here.
// Never `exec`s into a sandbox, never serves one whose limits and isolation were not read back, and
// never touches what does not carry this installation's instance id. Owned by the composition root;
// every call blocks and may be made from any thread of the pool.
#pragma once

#include "broker/runtime/container_runtime.hpp"

#include <functional>
#include <memory>
#include <string>
#include <string_view>

namespace broker {

struct oci_options {
    /// Absolute; holds `sandboxes` and `oci` (the runtime's own state). Mode 0700, root.
    std::string state_dir;
    /// Absolute; holds the images by digest. Empty: `images` below `state_dir`.
    std::string images_dir;
    /// Random id of this installation; names our cgroups and nobody else's. `is_random_id`.
    std::string instance;
    /// "auto" (crun, else runc), a name looked up in the usual folders, or an absolute path; of
    /// several with commas between, the first that works.
    std::string runtime = "auto";
    /// Absolute path of `kernel-broker-monitor`.
    std::string monitor_path;
    /// Called after each named step of a start: "bundle_written", "created", "started". Tests end
    /// the broker there; empty otherwise. Called on the thread of the start.
    std::function<void(std::string_view)> step;
    /// Hears what the host was found to be, at first and whenever that changes; may be empty.
    /// Called on the thread that asked.
    std::function<void(runtime_report const&)> examined;
};

/// Never null: a host that cannot run sandboxes is told by `report()`. Looks for the runtime and
/// makes and removes one probe sandbox, which takes about 50 ms; `report()` does so again when what
/// is known is old (examined_host.hpp). The first `list()` also removes
/// what a killed start left before its sandbox had a name, so it comes before the first `start()`.
std::unique_ptr<container_runtime> create_oci_runtime(oci_options options);

}  // namespace broker
