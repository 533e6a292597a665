// SPDX-License-Identifier: Apache-2.0
// Which cgroup hierarchies this host has and where they are mounted, from the text of mountinfo.
// Pure: reads no file. Values; any thread.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace broker {

enum class cgroup_mode {
    none,    // nothing that could carry a limit
    v1,      // a hierarchy per controller
    hybrid,  // v1, with cgroup2 mounted beside it; the limits are those of v1
    v2,      // cgroup2 alone
};

char const* name_of(cgroup_mode mode);

struct cgroup_hierarchy {
    std::string mount;                     // where it is mounted
    std::vector<std::string> controllers;  // of a v1 hierarchy; empty for a named one and cgroup2
    bool v2 = false;
};

struct cgroup_layout {
    cgroup_mode mode = cgroup_mode::none;
    std::vector<cgroup_hierarchy> hierarchies;

    /// Mount point of the hierarchy that has this v1 controller, of cgroup2 on a v2 host, or empty.
    std::string mount_of(std::string_view controller) const;

    /// What must be hidden from an OCI runtime here (the cgroup2 mount of a hybrid host), or "-".
    std::string cover() const;

    /// v1 controllers that a sandbox needs and this host does not mount.
    std::vector<std::string> missing() const;
};

cgroup_layout parse_cgroup_layout(std::string_view mountinfo);

}  // namespace broker
