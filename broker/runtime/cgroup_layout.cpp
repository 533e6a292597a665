// SPDX-License-Identifier: Apache-2.0
#include "broker/runtime/cgroup_layout.hpp"

#include "broker/runtime/process_facts.hpp"

#include <algorithm>
#include <array>

namespace broker {
namespace {

constexpr std::array known_controllers{"cpu",     "cpuacct", "cpuset",     "memory",  "devices",
                                       "pids",    "freezer", "blkio",      "net_cls", "net_prio",
                                       "hugetlb", "rdma",    "perf_event", "misc"};
// What a sandbox's limits and isolation hang on.
constexpr std::array needed_controllers{"cpu", "cpuacct", "memory", "devices", "pids"};

}  // namespace

char const* name_of(cgroup_mode mode) {
    switch (mode) {
        case cgroup_mode::none:
            return "none";
        case cgroup_mode::v1:
            return "v1";
        case cgroup_mode::hybrid:
            return "hybrid";
        case cgroup_mode::v2:
            return "v2";
    }
    return "none";
}

std::string cgroup_layout::mount_of(std::string_view controller) const {
    for (auto const& h : hierarchies) {
        bool const has = std::ranges::find(h.controllers, controller) != h.controllers.end();
        if (mode == cgroup_mode::v2 ? h.v2 : has) {
            return h.mount;
        }
    }
    return {};
}

std::string cgroup_layout::cover() const {
    for (auto const& h : hierarchies) {
        if (mode == cgroup_mode::hybrid && h.v2) {
            return h.mount;
        }
    }
    return "-";
}

std::vector<std::string> cgroup_layout::missing() const {
    std::vector<std::string> names;
    for (char const* controller : needed_controllers) {
        if (mount_of(controller).empty()) {
            names.emplace_back(controller);
        }
    }
    return names;
}

cgroup_layout parse_cgroup_layout(std::string_view mountinfo) {
    cgroup_layout layout;
    bool any_v1 = false;
    bool any_v2 = false;
    for (auto const& m : parse_mountinfo(mountinfo)) {
        bool const v2 = m.type == "cgroup2";
        // A hierarchy bound in part, or seen from inside a group, is not ours to arrange.
        if ((m.type != "cgroup" && !v2) || m.root != "/") {
            continue;
        }
        cgroup_hierarchy h{m.mount_point, {}, v2};
        for (auto const& option : m.super_options) {
            if (!v2 && std::ranges::find(known_controllers, option) != known_controllers.end()) {
                h.controllers.push_back(option);
            }
        }
        any_v1 |= !h.controllers.empty();
        any_v2 |= v2;
        layout.hierarchies.push_back(std::move(h));
    }
    if (any_v1) {
        layout.mode = any_v2 ? cgroup_mode::hybrid : cgroup_mode::v1;
    } else if (any_v2) {
        layout.mode = cgroup_mode::v2;
    }
    return layout;
}

}  // namespace broker
