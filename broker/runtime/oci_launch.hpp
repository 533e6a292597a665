// SPDX-License-Identifier: Apache-2.0
// One start of one sandbox, step by step, and the undoing of whatever became of it.
// Never lets a program run before everything about it was read back. Values and references that
// live for one call; blocks; any thread.
#pragma once

#include "broker/base/result.hpp"
#include "broker/runtime/cgroup_tree.hpp"
#include "broker/runtime/container_runtime.hpp"
#include "broker/runtime/oci_bundle.hpp"
#include "broker/runtime/oci_paths.hpp"
#include "broker/runtime/runtime_finder.hpp"

#include <functional>
#include <optional>
#include <string>
#include <string_view>

namespace broker {

/// What every call of one runtime has in common.
struct oci_context {
    oci_paths paths;
    cgroup_tree cgroups;
    found_runtime runtime;
    std::string monitor_path;
    std::function<void(std::string_view)> step;
};

/// What a start is to reach.
enum class launch_goal {
    created,  // a probe: verified, its program not run
    running,
};

/// On failure things may be left: `clear_sandbox` removes them.
result<running_sandbox> launch_sandbox(oci_context const& context, sandbox_spec const& spec,
                                       launch_goal goal);

/// Kills what lives of it and deletes everything but the session's group. Idempotent; an empty
/// session id is looked up.
result<sandbox_end> clear_sandbox(oci_context const& context, session_id const& session,
                                  sandbox_id const& sandbox);

/// The session that a sandbox's own files name.
std::optional<session_id> owner_of(oci_context const& context, sandbox_id const& sandbox);

/// Where the kernel binds its sockets, as the monitor sees it: it is a mount, and a broker that is
/// started anew may have a mount namespace of its own. `flags`: O_PATH to find sockets below it.
result<unique_fd> open_kernel_dir(oci_context const& context, sandbox_id const& sandbox, int flags);

/// A runtime's words without paths of this host.
std::string without_paths(std::string_view text);

}  // namespace broker
