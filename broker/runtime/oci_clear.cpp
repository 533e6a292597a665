// SPDX-License-Identifier: Apache-2.0
// The end of a sandbox, from whatever half-made state it is found in: `clear_sandbox`.
#include "broker/runtime/host_files.hpp"
#include "broker/runtime/monitor_process.hpp"
#include "broker/runtime/monitor_record.hpp"
#include "broker/runtime/mount_point.hpp"
#include "broker/runtime/oci_launch.hpp"

#include <signal.h>

#include <algorithm>
#include <thread>

namespace broker {
namespace {

using std::chrono::milliseconds;

/// Kills container and, where it holds things up, monitor; then the record says all it ever will.
void end_processes(std::optional<monitor_record> const& record) {
    if (!record) {
        return;
    }
    process_handle const witness = record->monitor();
    process_handle const container = record->container();
    bool const half_made = !container && record->at == monitor::stage::prepared;
    container.signal(SIGKILL);
    // A monitor that is creating has a runtime for a child, which dies with it.
    if (witness && (half_made || !witness.wait(milliseconds{5000}))) {
        witness.signal(SIGKILL);
        (void)witness.wait(milliseconds{2000});
    }
    if (container) {
        (void)container.wait(milliseconds{5000});
    }
}

/// The runtime's own view of the container.
void delete_state(oci_context const& context, sandbox_id const& sandbox) {
    auto const& p = context.paths;
    if (!path_exists(p.runtime_state(sandbox))) {
        return;
    }
    (void)run_program(
        {context.monitor_path, "run", context.cgroups.layout().cover(), context.runtime.path,
         "--root", p.runtime_root(), "delete", "--force", oci_paths::container(sandbox)},
        milliseconds{10'000});
    // What a runtime left half-written it does not recognise either.
    (void)remove_tree(p.runtime_root(), oci_paths::container(sandbox));
}

/// A group stays busy for an instant after its last process was reaped.
template <class Step>
bool soon(Step step) {
    for (int i = 0; i < 2000; ++i) {
        if (step()) {
            return true;
        }
        std::this_thread::sleep_for(milliseconds{1});
    }
    return false;
}

session_id known_session(oci_context const& context, session_id const& session,
                         sandbox_id const& sandbox) {
    return session.empty() ? owner_of(context, sandbox).value_or(session_id{}) : session;
}

}  // namespace

std::optional<session_id> owner_of(oci_context const& context, sandbox_id const& sandbox) {
    for (auto const& [session, id] : context.cgroups.sandboxes()) {
        if (id == sandbox) {
            return session;
        }
    }
    auto const text = read_host_file(context.paths.owner(sandbox), 64);
    return text && is_random_id(*text) ? std::optional{session_id{*text}} : std::nullopt;
}

result<sandbox_end> clear_sandbox(oci_context const& context, session_id const& given,
                                  sandbox_id const& sandbox) {
    if (!is_random_id(sandbox.str()) || !(given.empty() || is_random_id(given.str()))) {
        return fail(errc::internal, "ending a sandbox by an odd id");
    }
    auto const session = known_session(context, given, sandbox);
    auto const dir = context.paths.sandbox(sandbox);
    end_processes(load_monitor_record(dir));
    if (!session.empty() && !context.cgroups.kill_all(session, sandbox, milliseconds{10'000})) {
        return fail(errc::internal, "processes of a sandbox do not die");
    }
    sandbox_end end;
    if (auto const record = load_monitor_record(dir)) {
        end = {record->wait_status, record->oom_kills, record->pids_denied};
    }
    delete_state(context, sandbox);
    // What a killed runtime was starting may have come into the groups after they were seen empty.
    auto const remove_groups = [&] {
        if (context.cgroups.remove(session, sandbox)) {
            return true;
        }
        (void)context.cgroups.kill_all(session, sandbox, milliseconds{0});
        return false;
    };
    bool const groups_gone = session.empty() || soon(remove_groups);
    auto const& paths = context.paths;
    // Last, because it names what is left: as long as it is there, all this can be done again.
    if (!groups_gone || !unmount_all(paths.kernel_dir(sandbox)) ||
        !soon([&] { return remove_tree(paths.sandboxes(), sandbox.str()); })) {
        return fail(errc::internal, "a sandbox could not be removed whole");
    }
    return end;
}

}  // namespace broker
