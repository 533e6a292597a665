// SPDX-License-Identifier: Apache-2.0
#include "broker/runtime/oci_probe.hpp"

#include "broker/runtime/host_files.hpp"
#include "broker/runtime/oci_launch.hpp"

#include <fmt/format.h>

#include <optional>

namespace broker {
namespace {

/// Each probe has a directory of its own: another program may be probing, too.
oci_context probe_context(oci_options const& options, cgroup_layout const& layout,
                          found_runtime const& runtime, std::string const& name) {
    auto const state = options.state_dir + "/probe/" + name;
    return {{state, state + "/images"},
            {layout, options.instance + "-probe"},
            runtime,
            options.monitor_path,
            {}};
}

/// An image of nothing but mount points and a program that is never run: runtimes look for it.
int make_empty_image(std::string const& state, std::string const& digest) {
    auto const image = state + "/images/" + digest;
    int error = 0;
    for (auto const& dir :
         {state.substr(0, state.rfind('/')), state, state + "/images", image, image + "/rootfs",
          image + "/rootfs/run", image + "/rootfs/mnt", image + "/data"}) {
        error = error == 0 ? make_directory(dir, 0755) : error;
    }
    for (auto const& point : mount_points()) {
        error = error == 0 ? make_directory(image + "/rootfs/" + point, 0755) : error;
    }
    if (error == 0) {
        error = create_host_file(image + "/rootfs/probe", "", 0755);
    }
    return error;
}

/// What is wrong with this runtime, if anything.
std::optional<std::string> probe(oci_context const& context) {
    sandbox_spec spec;
    spec.session = session_id::make();
    spec.sandbox = sandbox_id::make();
    spec.uid = 299'999;
    spec.session_limits.memory_bytes = 64ULL << 20;
    spec.image_digest = spec.sandbox.str();
    auto const& state = context.paths.state_dir;
    spec.workspace_mount = state + "/images/" + spec.image_digest + "/data";
    spec.kernel_argv = {"/probe"};
    std::optional<std::string> problem;
    if (int const error = make_empty_image(state, spec.image_digest); error != 0) {
        problem = "the state directory cannot be written: " + describe_errno(error);
    } else if (auto const made = launch_sandbox(context, spec, launch_goal::created); !made) {
        problem = made.error().detail;
    }
    auto const cleared = clear_sandbox(context, spec.session, spec.sandbox);
    if (!cleared && !problem) {
        problem = cleared.error().detail;
    }
    (void)context.cgroups.remove(spec.session);
    auto const slash = state.rfind('/');
    (void)remove_tree(state.substr(0, slash), state.substr(slash + 1));
    return problem;
}

}  // namespace

oci_examination examine_host(oci_options const& options) {
    oci_examination e;
    e.layout = parse_cgroup_layout(read_host_file("/proc/self/mountinfo").value_or(""));
    e.report.cgroups = name_of(e.layout.mode);
    e.report.problems = host_problems(e.layout, options.monitor_path);
    e.report.warnings = host_warnings(e.layout);
    auto const candidates = find_runtimes(options.runtime);
    if (candidates.empty()) {
        e.report.problems.push_back(
            options.runtime == "auto"
                ? std::string{"neither crun nor runc is installed: apt install crun"}
                : fmt::format("the runtime '{}' is not installed", options.runtime));
    }
    bool const may_work = e.report.problems.empty();
    std::vector<std::string> refusals;
    for (auto const& candidate : candidates) {
        auto problem = may_work
                           ? probe(probe_context(options, e.layout, candidate, make_random_id()))
                           : std::optional<std::string>{"not tried"};
        if (!problem) {
            e.runtime = candidate;
            e.report.usable = true;
            break;
        }
        if (may_work) {
            refusals.push_back(
                fmt::format("{} cannot make sandboxes here: {}", candidate.name, *problem));
        }
    }
    if (!e.report.usable && !candidates.empty()) {
        e.runtime = candidates.front();
    }
    auto& told = e.report.usable ? e.report.warnings : e.report.problems;
    told.insert(told.end(), refusals.begin(), refusals.end());
    if (!e.runtime.name.empty()) {
        e.runtime.version = read_version(e.runtime);
    }
    e.report.name = e.runtime.name;
    e.report.version = e.runtime.version;
    if (auto warning = version_warning(e.runtime); warning && !e.runtime.name.empty()) {
        e.report.warnings.push_back(std::move(*warning));
    }
    return e;
}

void clear_probes(oci_options const& options) {
    auto const layout = parse_cgroup_layout(read_host_file("/proc/self/mountinfo").value_or(""));
    auto const candidates = find_runtimes(options.runtime);
    auto const runtime = candidates.empty() ? found_runtime{} : candidates.front();
    cgroup_tree const groups{layout, options.instance + "-probe"};
    for (auto const& probe : names_in(options.state_dir + "/probe")) {
        auto const context = probe_context(options, layout, runtime, probe);
        for (auto const& name : names_in(context.paths.sandboxes())) {
            if (is_random_id(name)) {
                (void)clear_sandbox(context, {}, sandbox_id{name});
            }
        }
    }
    for (auto const& session : groups.sessions()) {
        (void)groups.remove(session);
    }
    (void)remove_tree(options.state_dir, "probe");
    // A session's group that was made just before its broker was killed holds nothing yet.
    cgroup_tree const own{layout, options.instance};
    for (auto const& session : own.sessions()) {
        (void)own.remove(session);
    }
}

}  // namespace broker
