// SPDX-License-Identifier: Apache-2.0
// What a created sandbox really is, against what was asked for.
// Never trusts the runtime's word: everything is read from the kernel's files about the process.
// The comparison is pure; `look_at` reads. Values; any thread.
#pragma once

#include "broker/runtime/oci_bundle.hpp"
#include "broker/runtime/sandbox_spec.hpp"

#include <sys/types.h>

#include <map>
#include <string>
#include <vector>

namespace broker {

/// The texts of /proc/<pid>/*, and what the host's own look like.
struct process_view {
    std::string status;
    std::string limits;
    std::string mountinfo;
    std::string cgroup;
    std::string oom_score_adj;
    std::string net_dev;                            // interfaces
    std::string net_route;                          // routes beyond a heading
    std::string net_trie;                           // local addresses: shows whether `lo` is up
    std::map<std::string, std::string> namespaces;  // name -> identity
    std::map<std::string, std::string> host_namespaces;  // the broker's
    std::vector<std::string> hideable;  // of the masked and read-only paths, those that exist
    /// What is found at the root and at each bind, and what should be: device and inode, or empty.
    struct place {
        std::string inside;
        std::string outside;
    };
    std::map<std::string, place> places;
};

process_view look_at(pid_t pid);

/// Fills `places`, which needs to know where they are. Before the sandbox's program runs.
void look_at_places(process_view& view, pid_t pid, sandbox_spec const& spec,
                    bundle_host const& host);

/// Device and inode of what a path leads to; empty when it leads nowhere.
std::string place_at(std::string const& path);

/// One sentence for each difference; empty when the sandbox is what was asked for.
std::vector<std::string> differences(process_view const& seen, sandbox_spec const& spec,
                                     bundle_host const& host);

/// Whether the process is in this group (below each hierarchy's mount) and no other.
bool in_groups(process_view const& seen, std::string const& path);

bool has_seccomp(process_view const& seen);
bool has_user_namespace(process_view const& seen);

}  // namespace broker
