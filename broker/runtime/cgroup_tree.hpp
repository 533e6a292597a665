// SPDX-License-Identifier: Apache-2.0
// The groups of this installation: /kernel-broker/<instance>/<session>/<sandbox> in every
// hierarchy. Never looks at or writes to a group outside its own instance's, but for the two above
// it. Blocks; any thread; sessions are independent of each other.
#pragma once

#include "broker/base/result.hpp"
#include "broker/core/limits.hpp"
#include "broker/runtime/cgroup_layout.hpp"
#include "broker/runtime/cgroup_values.hpp"
#include "broker/runtime/container_runtime.hpp"

#include <chrono>
#include <string>
#include <utility>
#include <vector>

namespace broker {

class cgroup_tree {
public:
    cgroup_tree(cgroup_layout layout, std::string instance);

    cgroup_layout const& layout() const { return layout_; }

    /// Path of a sandbox below each hierarchy's mount, as an OCI runtime wants it.
    std::string path_of(session_id const& session, sandbox_id const& sandbox) const;
    std::string path_of(session_id const& session) const;

    /// A file of a group in the hierarchy of `controller`.
    std::string file(std::string_view controller, std::string const& group,
                     std::string_view name) const;

    /// Makes the session's group in every hierarchy and writes its limits.
    result<void> prepare(session_id const& session, limits const& to, double cpus) const;
    result<void> write(session_id const& session, std::vector<cgroup_setting> const& table) const;

    /// One sentence for each setting that the kernel does not hold.
    std::vector<std::string> differences(session_id const& session,
                                         std::vector<cgroup_setting> const& table) const;

    /// Runtimes add devices of their own (terminals); this leaves the five of `device_rules` (v1).
    result<void> tighten_devices(session_id const& session, sandbox_id const& sandbox) const;

    sandbox_usage usage(session_id const& session) const;
    /// Processes of a sandbox that the host has killed for memory.
    std::uint64_t memory_kills(session_id const& session, sandbox_id const& sandbox) const;

    /// Kills until the sandbox's groups are empty; false when the deadline came first.
    bool kill_all(session_id const& session, sandbox_id const& sandbox,
                  std::chrono::milliseconds within) const;

    /// True when no group of it is left.
    bool remove(session_id const& session, sandbox_id const& sandbox) const;
    /// Also removes the groups above when nothing else is in them.
    bool remove(session_id const& session) const;

    /// Every (session, sandbox) that has a group somewhere.
    std::vector<std::pair<session_id, sandbox_id>> sandboxes() const;
    /// Every session that has a group, with or without sandboxes.
    std::vector<session_id> sessions() const;

private:
    result<void> make_groups(session_id const& session) const;
    std::vector<std::string> roots() const;

    cgroup_layout layout_;
    std::string instance_;
};

}  // namespace broker
