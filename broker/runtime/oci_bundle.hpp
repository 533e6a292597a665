// SPDX-License-Identifier: Apache-2.0
// The OCI form of a sandbox description: config.json (runtime-spec 1.0), and the parts of it that
// are compared with the running sandbox. One table for both, so that nothing is asked for that is
// not verified. Pure; values; any thread.
#pragma once

#include "broker/base/result.hpp"
#include "broker/runtime/sandbox_spec.hpp"

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace broker {

/// What the description does not know: where things are on this host.
struct bundle_host {
    std::string rootfs;        // absolute, of the image
    std::string kernel_dir;    // host directory shown as /run/kernel
    std::string cgroups_path;  // of the sandbox, below each hierarchy
    int oom_score_adj = 500;   // higher only when the broker itself may not go that low
};

struct planned_mount {
    std::string destination;
    std::string type;  // "bind" for host directories
    std::string source;
    std::vector<std::string> flags;  // of nosuid, nodev, noexec, ro; what is not named is off
    std::vector<std::string> data;   // size=, mode=, nr_inodes=; of a bind's source, made before
    std::string file_system;         // of a bind's source, where it must be one; else empty
};

struct planned_rlimit {
    std::string type;   // RLIMIT_*
    std::string label;  // its name in /proc/<pid>/limits
    std::uint64_t value = 0;
};

/// What a socket directory is mounted with on the host: five sockets, one file, nothing to fill.
inline constexpr char const* kernel_dir_size = "size=64k";
inline constexpr char const* kernel_dir_inodes = "nr_inodes=16";

/// In the order of mounting. Everything that a sandbox sees beside its root and the paths below.
std::vector<planned_mount> planned_mounts(sandbox_spec const& spec, bundle_host const& host);

std::vector<planned_rlimit> planned_rlimits(sandbox_spec const& spec);

/// Hidden from the sandbox where the kernel has them.
std::vector<std::string> const& masked_paths();
std::vector<std::string> const& readonly_paths();

/// Directories that an image must have, since nothing may be made in it afterwards.
std::vector<std::string> const& mount_points();

/// Refuses what must never reach a runtime: a uid out of 200000-299999, relative paths, odd
/// digests, NUL bytes, empty commands, limits of zero. `internal`: such a description is a bug.
result<void> check_spec(sandbox_spec const& spec);

/// The bytes of config.json.
std::string make_oci_config(sandbox_spec const& spec, bundle_host const& host);

}  // namespace broker
