// SPDX-License-Identifier: Apache-2.0
#include "broker/runtime/oci_bundle.hpp"

#include <nlohmann/json.hpp>

#include <algorithm>

namespace broker {
namespace {

using json = nlohmann::ordered_json;

constexpr uid_t first_uid = 200'000;
constexpr uid_t last_uid = 299'999;
constexpr int umask_bits = 077;

bool is_absolute(std::string_view path) {
    return path.starts_with('/') && path.find("/../") == std::string_view::npos &&
           !path.ends_with("/..") && path.find('\0') == std::string_view::npos;
}

bool is_digest(std::string_view text) {
    return !text.empty() && text.size() <= 128 && text.front() != '.' &&
           std::ranges::all_of(text, [](unsigned char c) {
               return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
                      c == ':' || c == '-' || c == '_' || c == '.';
           });
}

bool has_nul(std::vector<std::string> const& words) {
    return std::ranges::any_of(words,
                               [](auto const& w) { return w.find('\0') != std::string::npos; });
}

json mount_json(planned_mount const& m) {
    json options = json::array();
    if (m.type == "bind") {
        options.push_back("bind");
        options.push_back("rw");
    }
    for (auto const& option : m.flags) {
        options.push_back(option);
    }
    for (auto const& option : m.type == "bind" ? std::vector<std::string>{} : m.data) {
        options.push_back(option);
    }
    return {{"destination", m.destination},
            {"type", m.type},
            {"source", m.source},
            {"options", std::move(options)}};
}

json process_json(sandbox_spec const& spec, bundle_host const& host) {
    json capabilities;
    for (char const* set : {"bounding", "effective", "inheritable", "permitted", "ambient"}) {
        capabilities[set] = json::array();
    }
    json rlimits = json::array();
    for (auto const& r : planned_rlimits(spec)) {
        rlimits.push_back({{"type", r.type}, {"hard", r.value}, {"soft", r.value}});
    }
    return {{"terminal", false},
            {"user",
             {{"uid", spec.uid},
              {"gid", spec.uid},
              {"umask", umask_bits},
              {"additionalGids", json::array()}}},
            {"args", spec.kernel_argv},
            {"env", spec.kernel_env},
            {"cwd", "/mnt/data"},
            {"capabilities", std::move(capabilities)},
            {"rlimits", std::move(rlimits)},
            {"noNewPrivileges", true},
            {"oomScoreAdj", host.oom_score_adj}};
}

json devices_json() {
    json rules = json::array({{{"allow", false}, {"access", "rwm"}}});
    for (int const minor : {3, 5, 7, 8, 9}) {
        rules.push_back(
            {{"allow", true}, {"type", "c"}, {"major", 1}, {"minor", minor}, {"access", "rw"}});
    }
    return rules;
}

json linux_json(bundle_host const& host) {
    json namespaces = json::array();
    for (char const* type : {"pid", "network", "ipc", "uts", "mount", "cgroup"}) {
        namespaces.push_back({{"type", type}});  // always a new one, never a path
    }
    return {{"cgroupsPath", host.cgroups_path}, {"namespaces", std::move(namespaces)},
            {"rootfsPropagation", "private"},   {"resources", {{"devices", devices_json()}}},
            {"maskedPaths", masked_paths()},    {"readonlyPaths", readonly_paths()}};
}

}  // namespace

std::vector<planned_mount> planned_mounts(sandbox_spec const& spec, bundle_host const& host) {
    // What lies there is memory of the session: full, they must end in ENOSPC before the session is
    // killed for its memory.
    auto const size = [most = spec.session_limits.memory_bytes / 4](std::uint64_t bytes) {
        auto const kib = std::max<std::uint64_t>(4, std::min(bytes, most) >> 12 << 2);
        return "size=" + std::to_string(kib) + "k";
    };
    return {
        {"/proc", "proc", "proc", {"nosuid", "noexec", "nodev"}, {}, {}},
        {"/dev", "tmpfs", "tmpfs", {"nosuid", "noexec"}, {"mode=755", "size=64k"}, {}},
        {"/dev/shm",
         "tmpfs",
         "shm",
         {"nosuid", "noexec", "nodev"},
         {"mode=1777", size(spec.shm_bytes), "nr_inodes=1024"},
         {}},
        // Programs may be built and run in /tmp and /mnt/data: compilers and wheels need it.
        {"/tmp",
         "tmpfs",
         "tmpfs",
         {"nosuid", "nodev"},
         {"mode=1777", size(spec.tmp_bytes), "nr_inodes=4096"},
         {}},
        {"/run/kernel",
         "bind",
         host.kernel_dir,
         {"nosuid", "nodev", "noexec"},
         {kernel_dir_size, kernel_dir_inodes},
         "tmpfs"},
        {"/mnt/data", "bind", spec.workspace_mount, {"nosuid", "nodev"}, {}, {}},
    };
}

std::vector<planned_rlimit> planned_rlimits(sandbox_spec const& spec) {
    return {{"RLIMIT_NOFILE", "Max open files", 1024},
            {"RLIMIT_CORE", "Max core file size", 0},
            {"RLIMIT_FSIZE", "Max file size", spec.session_limits.disk_bytes},
            {"RLIMIT_MEMLOCK", "Max locked memory", 64 << 10},
            {"RLIMIT_MSGQUEUE", "Max msgqueue size", 0}};
}

std::vector<std::string> const& masked_paths() {
    static std::vector<std::string> const paths{
        "/proc/acpi",         "/proc/asound",        "/proc/interrupts",  "/proc/kcore",
        "/proc/keys",         "/proc/latency_stats", "/proc/sched_debug", "/proc/scsi",
        "/proc/timer_list",   "/proc/timer_stats",   "/proc/config.gz",   "/proc/kallsyms",
        "/proc/cmdline",      "/proc/version",       "/proc/diskstats",   "/proc/swaps",
        "/proc/modules",      "/proc/kpagecount",    "/proc/kpageflags",  "/proc/kpagecgroup",
        "/proc/pressure",     "/proc/vmallocinfo",   "/proc/slabinfo",    "/proc/zoneinfo",
        "/proc/pagetypeinfo", "/proc/iomem",         "/proc/ioports"};
    return paths;
}

std::vector<std::string> const& readonly_paths() {
    static std::vector<std::string> const paths{"/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys",
                                                "/proc/sysrq-trigger"};
    return paths;
}

std::vector<std::string> const& mount_points() {
    static std::vector<std::string> const points{"proc", "dev", "tmp", "run/kernel", "mnt/data"};
    return points;
}

result<void> check_spec(sandbox_spec const& spec) {
    auto const bug = [](char const* what) {
        return fail(errc::internal, std::string{"sandbox description: "} + what);
    };
    if (!is_random_id(spec.session.str()) || !is_random_id(spec.sandbox.str())) {
        return bug("an id is not one of ours");
    }
    if (spec.uid < first_uid || spec.uid > last_uid) {
        return bug("uid out of 200000-299999");
    }
    if (!is_digest(spec.image_digest) || !is_absolute(spec.workspace_mount)) {
        return bug("odd image digest or workspace path");
    }
    if (spec.kernel_argv.empty() || !is_absolute(spec.kernel_argv.front()) ||
        has_nul(spec.kernel_argv) || has_nul(spec.kernel_env)) {
        return bug("the command needs an absolute path and no NUL");
    }
    if (std::ranges::any_of(spec.kernel_env,
                            [](auto const& e) { return e.find('=') == std::string::npos; })) {
        return bug("environment entries are NAME=value");
    }
    auto const& l = spec.session_limits;
    // Written so that NaN is refused too.
    if (l.memory_bytes == 0 || l.pids == 0 || l.disk_bytes == 0 || !(l.cpus > 0 && l.cpus < 1e6) ||
        !(spec.boost_cpus > 0 && spec.boost_cpus < 1e6) || spec.tmp_bytes == 0 ||
        spec.shm_bytes == 0) {
        return bug("a limit of zero");
    }
    return {};
}

std::string make_oci_config(sandbox_spec const& spec, bundle_host const& host) {
    json mounts = json::array();
    for (auto const& m : planned_mounts(spec, host)) {
        mounts.push_back(mount_json(m));
    }
    json const config{{"ociVersion", "1.0.0"},
                      {"process", process_json(spec, host)},
                      {"root", {{"path", host.rootfs}, {"readonly", true}}},
                      {"hostname", "sandbox"},
                      {"mounts", std::move(mounts)},
                      {"linux", linux_json(host)}};
    // Bytes that are not UTF-8 (a path of the host) must not throw here.
    return config.dump(2, ' ', false, json::error_handler_t::replace) + "\n";
}

}  // namespace broker
