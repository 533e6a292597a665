// SPDX-License-Identifier: Apache-2.0
// What a host says of itself, read once and unjudged: texts of /proc, answers of system calls.
// Never changes the host; what cannot be read is absent. Values; any thread.
#pragma once

#include "broker/runtime/container_runtime.hpp"
#include "broker/runtime/workspace_store.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace broker {

struct settings;

/// The text of a file of /proc or /sys without its last newline; absent: there is no such file.
using fact = std::optional<std::string>;

struct host_facts {
    bool root = false;
    std::string kernel;    // of uname(2): "6.1.0-32-amd64"
    bool openat2 = false;  // the system call exists
    bool pidfd_open = false;
    bool vsock = false;         // a socket of AF_VSOCK can be made
    bool loop_control = false;  // /dev/loop-control can be opened
    fact filesystems;           // /proc/filesystems
    fact meminfo;               // /proc/meminfo
    fact swaps;                 // /proc/swaps
    fact core_pattern;
    fact io_uring_disabled;
    fact unprivileged_bpf_disabled;
    fact protected_symlinks;
    fact protected_hardlinks;
    fact max_user_namespaces;
    fact smt;  // /sys/devices/system/cpu/smt/active
    fact lsm;  // /sys/kernel/security/lsm, else the names of those that are seen otherwise
    std::vector<std::string> programs;  // found, of those a build or a session needs
    unsigned processors = 0;
    std::uint64_t open_files = 0;       // hard limit of descriptors: `serve` raises the soft one
    std::string disk_path;              // where the state will lie: it, or what exists above it
    std::uint64_t disk_free_bytes = 0;  // there
    runtime_report runtime;
    workspace_report workspace;
    std::string image_problem;   // empty: the image is there
    std::string image_about;     // "python: Debian bookworm, 41 libraries"
    std::string listen_problem;  // empty: the address is free
};

/// The part that only reads: everything but runtime, workspace, image and address.
host_facts read_host(settings const& of);

}  // namespace broker
