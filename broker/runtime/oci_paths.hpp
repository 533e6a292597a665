// SPDX-License-Identifier: Apache-2.0
// Where the things of a sandbox are in the state directory, and what they are called.
// Pure names, all made from ids of ours; nothing is opened here. Values; any thread.
#pragma once

#include "broker/base/ids.hpp"
#include "broker/monitor/record.hpp"

#include <string>

namespace broker {

struct oci_paths {
    std::string state_dir;
    std::string images_dir;

    std::string sandboxes() const { return state_dir + "/sandboxes"; }
    std::string sandbox(sandbox_id const& id) const { return sandboxes() + "/" + id.str(); }
    std::string bundle(sandbox_id const& id) const {
        return sandbox(id) + "/" + monitor::bundle_dir;
    }
    std::string config(sandbox_id const& id) const { return bundle(id) + "/config.json"; }
    /// Holds the session's id, so that a sandbox without a record still has an owner.
    std::string owner(sandbox_id const& id) const { return sandbox(id) + "/session"; }
    /// Shown as /run/kernel.
    std::string kernel_dir(sandbox_id const& id) const { return sandbox(id) + "/k"; }

    std::string rootfs(std::string const& digest) const {
        return images_dir + "/" + digest + "/rootfs";
    }

    std::string runtime_root() const { return state_dir + "/oci"; }
    /// An id may begin with a dash, a name for a runtime may not.
    static std::string container(sandbox_id const& id) { return "kb" + id.str(); }
    std::string runtime_state(sandbox_id const& id) const {
        return runtime_root() + "/" + container(id);
    }
};

}  // namespace broker
