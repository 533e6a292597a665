// SPDX-License-Identifier: Apache-2.0
#include "broker/runtime/oci_runtime.hpp"

#include "broker/runtime/examined_host.hpp"
#include "broker/runtime/host_files.hpp"
#include "broker/runtime/monitor_record.hpp"
#include "broker/runtime/oci_launch.hpp"
#include "broker/runtime/oci_probe.hpp"
#include "broker/runtime/read_back.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <signal.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <set>

namespace broker {
namespace {

class oci_runtime final : public container_runtime {
public:
    explicit oci_runtime(oci_options options)
        : options_(std::move(options)),
          host_([this] { return examine_host(options_); }, std::chrono::steady_clock::now,
                options_.examined) {}

    runtime_report report() override { return host_.look()->report; }

    result<running_sandbox> start(sandbox_spec const& spec) override;
    result<running_sandbox> adopt(session_id const& session, sandbox_id const& sandbox,
                                  limits const& to) override;
    result<void> settle(session_id const& session, sandbox_id const& sandbox,
                        limits const& to) override;
    result<void> interrupt(session_id const& session, sandbox_id const& sandbox) override;
    result<sandbox_end> end(session_id const& session, sandbox_id const& sandbox) override;
    result<void> forget_session(session_id const& session) override;
    result<sandbox_usage> usage(session_id const& session) override;
    std::uint64_t memory_kills(session_id const& session, sandbox_id const& sandbox) override;
    result<std::vector<found_sandbox>> list() override;

private:
    oci_context context(oci_examination const& found) const {
        return {{options_.state_dir, options_.images_dir.empty() ? options_.state_dir + "/images"
                                                                 : options_.images_dir},
                {found.layout, options_.instance},
                found.runtime,
                options_.monitor_path,
                options_.step};
    }
    oci_context context() const { return context(*host_.last()); }

    /// The record of a sandbox that runs and is this session's.
    result<monitor_record> record_of(session_id const& session, sandbox_id const& sandbox) const;

    oci_options const options_;
    examined_host host_;
    std::atomic<bool> swept_{false};
};

failure gone() { return fail(errc::runtime_unavailable, "the sandbox is gone"); }

/// The session's own, and read back.
result<void> set_cpus(cgroup_tree const& groups, session_id const& session, limits const& to) {
    auto const table = cpu_settings_for(groups.layout().mode, to.cpus);
    if (auto const written = groups.write(session, table); !written) {
        return written.error();
    }
    if (auto const found = groups.differences(session, table); !found.empty()) {
        return fail(errc::runtime_unavailable, found.front());
    }
    return {};
}

result<running_sandbox> oci_runtime::start(sandbox_spec const& spec) {
    if (auto const good = check_spec(spec); !good) {
        return good.error();
    }
    auto found = host_.last();
    if (!found->report.usable) {
        found = host_.look();  // it may have been mended
    }
    if (!found->report.usable) {
        return fail(errc::runtime_unavailable,
                    fmt::format("{}", fmt::join(found->report.problems, "; ")));
    }
    auto const with = context(*found);
    auto started = launch_sandbox(with, spec, launch_goal::running);
    if (!started) {
        host_.doubt();
        auto const cleared = clear_sandbox(with, spec.session, spec.sandbox);
        (void)with.cgroups.remove(spec.session);  // stays when another sandbox is in it
        if (!cleared) {
            return fail(errc::runtime_unavailable,
                        started.error().detail + "; " + cleared.error().detail);
        }
    }
    return started;
}

result<monitor_record> oci_runtime::record_of(session_id const& session,
                                              sandbox_id const& sandbox) const {
    if (!is_random_id(sandbox.str())) {
        return gone();
    }
    auto record = load_monitor_record(context().paths.sandbox(sandbox));
    if (!record || record->at != monitor::stage::running || record->session != session.str()) {
        return gone();
    }
    return std::move(*record);
}

result<running_sandbox> oci_runtime::adopt(session_id const& session, sandbox_id const& sandbox,
                                           limits const& to) {
    auto const record = record_of(session, sandbox);
    if (!record) {
        return record.error();
    }
    process_handle witness = record->monitor();
    process_handle const container = record->container();
    auto const with = context();
    auto dir = open_kernel_dir(with, sandbox, O_PATH);
    if (!witness || !container || !dir) {
        return gone();
    }
    auto const seen = look_at(record->container_pid);
    auto const& cg = with.cgroups;
    auto const found = cg.differences(session, steady_settings_for(cg.layout().mode, to));
    if (!found.empty()) {
        return fail(errc::runtime_unavailable, found.front());
    }
    // A start that was cut off may have left what it is lent.
    if (auto const own = set_cpus(cg, session, to); !own) {
        return own.error();
    }
    auto const inside = place_at(fmt::format("/proc/{}/root/run/kernel", record->container_pid));
    if (inside.empty() || inside != place_at(fmt::format("/proc/self/fd/{}", dir->get())) ||
        !in_groups(seen, cg.path_of(session, sandbox))) {
        return fail(errc::runtime_unavailable, "the sandbox is not where it was started");
    }
    if (container.wait(std::chrono::milliseconds{0})) {
        return gone();
    }
    return running_sandbox{std::move(*dir), witness.take(), has_seccomp(seen),
                           has_user_namespace(seen)};
}

result<void> oci_runtime::settle(session_id const& session, sandbox_id const& sandbox,
                                 limits const& to) {
    auto const with = context();
    auto const dir = open_kernel_dir(with, sandbox, O_RDONLY);
    if (!dir) {
        return dir.error();
    }
    struct stat st {};
    if (::fchown(dir->get(), 0, 0) != 0 || ::fchmod(dir->get(), 0711) != 0 ||
        ::fstat(dir->get(), &st) != 0 || st.st_uid != 0 || (st.st_mode & 07777) != 0711) {
        return fail(errc::runtime_unavailable, "the socket directory could not be closed");
    }
    return set_cpus(with.cgroups, session, to);
}

result<void> oci_runtime::interrupt(session_id const& session, sandbox_id const& sandbox) {
    auto const record = record_of(session, sandbox);
    if (!record) {
        return record.error();
    }
    // The init inside hands it to the kernel, its only child.
    if (!record->container().signal(SIGINT)) {
        return gone();
    }
    return {};
}

result<sandbox_end> oci_runtime::end(session_id const& session, sandbox_id const& sandbox) {
    return clear_sandbox(context(), session, sandbox);
}

result<void> oci_runtime::forget_session(session_id const& session) {
    if (!is_random_id(session.str())) {
        return fail(errc::internal, "forgetting a session by an odd id");
    }
    if (!context().cgroups.remove(session)) {
        return fail(errc::internal, "a session's control group could not be removed");
    }
    return {};
}

result<sandbox_usage> oci_runtime::usage(session_id const& session) {
    return context().cgroups.usage(session);
}

std::uint64_t oci_runtime::memory_kills(session_id const& session, sandbox_id const& sandbox) {
    return context().cgroups.memory_kills(session, sandbox);
}

result<std::vector<found_sandbox>> oci_runtime::list() {
    auto const with = context();
    if (!swept_.exchange(true)) {
        clear_probes(options_);
    }
    std::set<sandbox_id> ids;
    for (auto const& name : names_in(with.paths.sandboxes())) {
        if (is_random_id(name)) {
            ids.insert(sandbox_id{name});
        }
    }
    for (auto const& name : names_in(with.paths.runtime_root())) {
        if (name.starts_with("kb") && is_random_id(name.substr(2))) {
            ids.insert(sandbox_id{name.substr(2)});
        }
    }
    for (auto const& [session, sandbox] : with.cgroups.sandboxes()) {
        ids.insert(sandbox);
    }
    std::vector<found_sandbox> all;
    for (auto const& id : ids) {
        auto const record = load_monitor_record(with.paths.sandbox(id));
        bool const alive = record && record->at == monitor::stage::running && record->monitor() &&
                           record->container();
        all.push_back({owner_of(with, id).value_or(session_id{}), id, alive});
    }
    return all;
}

}  // namespace

std::unique_ptr<container_runtime> create_oci_runtime(oci_options options) {
    return std::make_unique<oci_runtime>(std::move(options));
}

}  // namespace broker
