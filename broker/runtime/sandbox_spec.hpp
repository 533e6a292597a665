// SPDX-License-Identifier: Apache-2.0
// The one description of a sandbox, from which every runtime derives its own form.
// Never holds a word from a request beyond numbers that were checked. Values; any thread.
#pragma once

#include "broker/base/ids.hpp"
#include "broker/core/limits.hpp"

#include <sys/types.h>

#include <string>
#include <vector>

namespace broker {

struct sandbox_spec {
    session_id session;  // names the parent cgroup, which carries the limits
    sandbox_id sandbox;
    uid_t uid = 0;  // also the gid; 200000-299999, of this session alone while anything of it lives
    limits session_limits;
    double boost_cpus = 2;                  // until `container_runtime::settle`
    std::uint64_t tmp_bytes = 64ULL << 20;  // tmpfs /tmp; counts as memory of the session
    std::uint64_t shm_bytes = 64ULL << 20;  // tmpfs /dev/shm; likewise
    std::string image_digest;               // of the image store
    std::string workspace_mount;            // host directory shown as /mnt/data
    std::string connection_file;            // its bytes; shown as /run/kernel/connection.json
    std::vector<std::string> kernel_argv;   // the image's own, under its init
    std::vector<std::string> kernel_env;    // NAME=value, an allow-list
};

}  // namespace broker
