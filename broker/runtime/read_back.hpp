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
};

process_view look_at(pid_t pid);

/// One sentence for each difference; empty when the sandbox is what was asked for.
std::vector<std::string> differences(process_view const& seen, sandbox_spec const& spec,
                                     bundle_host const& host);

bool has_seccomp(process_view const& seen);
bool has_user_namespace(process_view const& seen);

}  // namespace broker
