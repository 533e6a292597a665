// SPDX-License-Identifier: Apache-2.0
// What the broker needs of whatever makes sandboxes. The verbs name sandboxes, never paths or flags
// of a request; how it is done (an OCI runtime, an engine's API, a pool) is the implementation's
// matter. Never a weaker sandbox than asked for: a step that fails is a failure, with nothing left
// behind. Every call blocks and is made on the pool; calls for different sandboxes may run at once.
#pragma once

#include "broker/base/result.hpp"
#include "broker/base/unique_fd.hpp"
#include "broker/runtime/sandbox_spec.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace broker {

/// A sandbox that runs and was read back.
struct running_sandbox {
    /// Where the kernel binds its sockets (`O_PATH`), owned by the session's uid.
    unique_fd socket_dir;
    /// Readable when the sandbox has ended and its evidence is complete (a pidfd of the monitor).
    unique_fd ended;
    /// Read back from the running process, never copied from the configuration.
    bool seccomp = false;
    bool user_namespace = false;
};

/// What is known of how a sandbox ended; believed only from the monitor's record.
struct sandbox_end {
    /// Raw wait status of the container's first process (wait(2)); absent: nobody saw it end.
    std::optional<int> wait_status;
    std::uint64_t oom_kills = 0;    // kills for memory in this sandbox
    std::uint64_t pids_denied = 0;  // forks refused by the process limit
};

/// A sandbox of ours found on the host, with or without a row.
struct found_sandbox {
    session_id session;
    sandbox_id sandbox;
    bool alive = false;  // both container and monitor
};

struct sandbox_usage {
    std::uint64_t memory_bytes = 0;
    double cpu_s = 0;
    std::uint32_t pids = 0;
};

/// One sentence each; `usable` false means every start would fail with `runtime_unavailable`.
struct runtime_report {
    std::string name;  // crun, runc, ...
    std::string version;
    std::string cgroups;  // v1, hybrid, v2
    bool usable = false;
    std::vector<std::string> problems;  // why it is not usable, and how to mend it
    std::vector<std::string> warnings;
};

class container_runtime {
public:
    virtual ~container_runtime() = default;
    container_runtime() = default;
    container_runtime(container_runtime const&) = delete;
    container_runtime& operator=(container_runtime const&) = delete;

    virtual runtime_report report() = 0;

    /// Cgroup, bundle, monitor, create, read back, start. On failure nothing is left.
    virtual result<running_sandbox> start(sandbox_spec const& spec) = 0;

    /// Takes up a sandbox that an earlier broker started, that lives, and that still has its groups
    /// and its limits; the CPU limit is that of a settled one from now on.
    virtual result<running_sandbox> adopt(session_id const& session, sandbox_id const& sandbox,
                                          limits const& to) = 0;

    /// The kernel is ready: its socket directory is closed for changes (root, 0711), the session's
    /// own CPU limit replaces the start-up boost, and both are read back.
    virtual result<void> settle(session_id const& session, sandbox_id const& sandbox,
                                limits const& to) = 0;

    /// SIGINT to the kernel's main process from outside.
    virtual result<void> interrupt(session_id const& session, sandbox_id const& sandbox) = 0;

    /// Kills what lives, waits for the monitor's record, deletes everything of it. Idempotent.
    virtual result<sandbox_end> end(session_id const& session, sandbox_id const& sandbox) = 0;

    /// Removes what the session's sandboxes shared (the parent cgroup). After the last `end`.
    virtual result<void> forget_session(session_id const& session) = 0;

    virtual result<sandbox_usage> usage(session_id const& session) = 0;

    /// How often the host has killed a process of a sandbox that lives for its memory.
    virtual std::uint64_t memory_kills(session_id const& session, sandbox_id const& sandbox) = 0;

    /// Everything of this instance on the host, half-made things included; never what is not ours.
    virtual result<std::vector<found_sandbox>> list() = 0;
};

}  // namespace broker
