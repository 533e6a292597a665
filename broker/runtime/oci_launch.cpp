// SPDX-License-Identifier: Apache-2.0
#include "broker/runtime/oci_launch.hpp"

#include "broker/runtime/host_files.hpp"
#include "broker/runtime/monitor_process.hpp"
#include "broker/runtime/monitor_record.hpp"
#include "broker/runtime/mount_point.hpp"
#include "broker/runtime/process_facts.hpp"
#include "broker/runtime/read_back.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <linux/openat2.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <filesystem>
#include <system_error>

namespace broker {
namespace {

using std::chrono::milliseconds;

constexpr milliseconds runtime_deadline{20'000};

/// An image whose mount points are missing would be written to by the runtime.
result<void> check_image(std::string const& rootfs) {
    unique_fd const root{::open(rootfs.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC)};
    if (!root) {
        return fail(errc::image_unavailable, "the image is not in the store");
    }
    open_how how{};
    how.flags = O_PATH | O_DIRECTORY | O_CLOEXEC;
    how.resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS;
    for (auto const& point : mount_points()) {
        unique_fd const found{
            static_cast<int>(::syscall(SYS_openat2, root.get(), point.c_str(), &how, sizeof how))};
        if (!found) {
            return fail(errc::image_unavailable,
                        fmt::format("the image has no directory /{}: build it again", point));
        }
    }
    return {};
}

int own_oom_score() {
    auto const text = read_host_file("/proc/self/oom_score_adj").value_or("0");
    int value = 0;
    std::from_chars(text.data(), text.data() + text.size(), value);
    return value;
}

bundle_host host_of(oci_context const& context, sandbox_spec const& spec) {
    bundle_host host;
    // Runtimes refuse a root that is reached through symlinks; the state directory is the
    // operator's.
    std::error_code none;
    auto const rootfs = context.paths.rootfs(spec.image_digest);
    auto const real = std::filesystem::canonical(rootfs, none);
    host.rootfs = none ? rootfs : real.string();
    host.kernel_dir = context.paths.kernel_dir(spec.sandbox);
    host.cgroups_path = context.cgroups.path_of(spec.session, spec.sandbox);
    // Lowering it needs a right that not every broker has; raising it never does.
    host.oom_score_adj = std::max(500, own_oom_score());
    return host;
}

/// A file system of its own: what the kernel may bind sockets in until it is settled is no way to
/// the host's disk. 0 or errno.
int make_kernel_dir(sandbox_spec const& spec, bundle_host const& host) {
    auto const& dir = host.kernel_dir;
    if (int const error = make_directory(dir, 0700); error != 0) {
        return error;
    }
    auto const options = fmt::format("{},{}", kernel_dir_size, kernel_dir_inodes);
    if (auto const mounted = mount_tmpfs(dir, options); !mounted) {
        return mounted.error().value();
    }
    // Readable by the session and nobody else, and never writable.
    if (int const error =
            create_host_file(dir + "/connection.json", spec.connection_file, 0440, 0, spec.uid);
        error != 0) {
        return error;
    }
    return ::chown(dir.c_str(), spec.uid, spec.uid) == 0 ? 0 : errno;
}

result<void> write_bundle(oci_context const& context, sandbox_spec const& spec,
                          bundle_host const& host) {
    auto const& p = context.paths;
    int error = 0;
    auto const then = [&error](int next) {
        error = error == 0 ? next : error;
    };
    then(make_directory(p.sandboxes(), 0700));
    then(make_directory(p.runtime_root(), 0700));
    then(::mkdir(p.sandbox(spec.sandbox).c_str(), 0700) == 0 ? 0 : errno);
    if (error == 0) {
        then(create_host_file(p.owner(spec.sandbox), spec.session.str(), 0600));
        then(make_directory(p.bundle(spec.sandbox), 0700));
        then(make_kernel_dir(spec, host));
        then(create_host_file(p.config(spec.sandbox), make_oci_config(spec, host), 0600));
    }
    if (error != 0) {
        return fail(errc::runtime_unavailable,
                    "the bundle could not be written: " + describe_errno(error));
    }
    return {};
}

monitor_command command_for(oci_context const& context, sandbox_spec const& spec) {
    auto const& cg = context.cgroups;
    bool const v2 = cg.layout().mode == cgroup_mode::v2;
    auto const leaf = cg.path_of(spec.session, spec.sandbox);
    monitor_command c;
    c.program = context.monitor_path;
    c.directory = context.paths.sandbox(spec.sandbox);
    c.runtime = context.runtime.path;
    c.runtime_root = context.paths.runtime_root();
    c.container_id = oci_paths::container(spec.sandbox);
    c.session = spec.session.str();
    c.oom_file = cg.file("memory", leaf, v2 ? "memory.events" : "memory.oom_control");
    c.pids_file = cg.file("pids", leaf, "pids.events");
    c.session_pids_file = cg.file("pids", cg.path_of(spec.session), "pids.events");
    c.cover = cg.layout().cover();
    return c;
}

failure refused(oci_context const& context, sandbox_id const& sandbox, std::string_view what) {
    auto const record = load_monitor_record(context.paths.sandbox(sandbox));
    auto const said = record ? without_paths(record->failure) : std::string{};
    return fail(errc::runtime_unavailable,
                fmt::format("{} could not {} the sandbox: {}", context.runtime.name, what,
                            said.empty() ? "it did not answer in time" : said));
}

/// What the process is, and what its groups hold, against the description.
result<process_view> verify(oci_context const& context, sandbox_spec const& spec,
                            bundle_host const& host, double cpus) {
    auto const record = load_monitor_record(context.paths.sandbox(spec.sandbox));
    process_handle const container = record ? record->container() : process_handle{};
    if (!container) {
        return fail(errc::runtime_unavailable, "the new sandbox is gone");
    }
    auto seen = look_at(record->container_pid);
    look_at_places(seen, record->container_pid, spec, host);
    auto found = differences(seen, spec, host);
    auto const& cg = context.cgroups;
    for (auto& sentence :
         cg.differences(spec.session, settings_for(cg.layout().mode, spec.session_limits, cpus))) {
        found.push_back(std::move(sentence));
    }
    if (auto const tight = context.cgroups.tighten_devices(spec.session, spec.sandbox); !tight) {
        found.push_back(tight.error().detail);
    }
    // Looked at by number: it must still be the same process at the end.
    if (container.wait(milliseconds{0})) {
        return fail(errc::runtime_unavailable, "the new sandbox ended while it was verified");
    }
    if (!found.empty()) {
        return fail(
            errc::runtime_unavailable,
            fmt::format("the sandbox is not what was asked for: {}", fmt::join(found, "; ")));
    }
    return seen;
}

void tell_step(oci_context const& context, std::string_view name) {
    if (context.step) {
        context.step(name);
    }
}

}  // namespace

result<unique_fd> open_kernel_dir(oci_context const& context, sandbox_id const& sandbox,
                                  int flags) {
    auto const record = load_monitor_record(context.paths.sandbox(sandbox));
    auto const path = fmt::format("/proc/{}/root{}", record ? record->monitor_pid : 0,
                                  context.paths.kernel_dir(sandbox));
    unique_fd dir{::open(path.c_str(), flags | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC)};
    // The monitor was found by number: it must be the one of the record, now that this is open.
    if (!dir || !record->monitor()) {
        return fail(errc::runtime_unavailable, "the sandbox's socket directory is gone");
    }
    return dir;
}

std::string without_paths(std::string_view text) {
    std::string out;
    for (auto const& word : split(text, ' ')) {
        auto const slash = word.find('/');
        bool const path = slash != std::string::npos && word.find('/', slash + 1) != word.npos;
        out += out.empty() ? "" : " ";
        out += path ? word.substr(0, slash) + "(path)" : word;
    }
    return out;
}

result<running_sandbox> launch_sandbox(oci_context const& context, sandbox_spec const& spec,
                                       launch_goal goal) {
    auto const host = host_of(context, spec);
    if (auto const usable = check_image(host.rootfs); !usable) {
        return usable.error();
    }
    double const cpus = std::max(spec.boost_cpus, spec.session_limits.cpus);
    if (auto const made = context.cgroups.prepare(spec.session, spec.session_limits, cpus); !made) {
        return made.error();
    }
    if (auto const written = write_bundle(context, spec, host); !written) {
        return written.error();
    }
    tell_step(context, "bundle_written");
    auto link = start_monitor(command_for(context, spec));
    if (!link) {
        return link.error();
    }
    if (link->ask(monitor::ask_create, runtime_deadline) != monitor::told_created) {
        return refused(context, spec.sandbox, "create");
    }
    tell_step(context, "created");
    auto const seen = verify(context, spec, host, cpus);
    if (!seen) {
        return seen.error();
    }
    auto socket_dir = open_kernel_dir(context, spec.sandbox, O_PATH);
    auto const record = load_monitor_record(context.paths.sandbox(spec.sandbox));
    process_handle witness = record ? record->monitor() : process_handle{};
    if (!socket_dir || !witness) {
        return fail(errc::runtime_unavailable, "the new sandbox lost its monitor");
    }
    if (goal == launch_goal::running) {
        if (link->ask(monitor::ask_start, runtime_deadline) != monitor::told_started) {
            return refused(context, spec.sandbox, "start");
        }
        tell_step(context, "started");
    }
    return running_sandbox{std::move(*socket_dir), witness.take(), has_seccomp(*seen),
                           has_user_namespace(*seen)};
}

}  // namespace broker
