// SPDX-License-Identifier: Apache-2.0
// One function a topic, each a few facts and a sentence. Never a warning without a way to mend it,
// or a word that nothing need be done. Pure.
#include "broker/daemon/host_judgement.hpp"

#include "broker/core/admission.hpp"
#include "broker/core/settings.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>

namespace broker {
namespace {

using enum finding_level;

/// Its table, log, loop and listener, besides what is opened for a moment.
constexpr std::uint64_t descriptors_of_the_broker = descriptor_reserve + 64;

class judge {
public:
    judge(host_facts const& facts, settings const& of) : facts_(facts), of_(of) {}

    findings run() {
        basics();
        runtime();
        workspace();
        image();
        interfaces();
        files();
        crashes();
        room();
        address();
        return std::move(out_);
    }

private:
    void add(finding_level level, std::string topic, std::string text, std::string mend = {}) {
        out_.push_back({level, std::move(topic), std::move(text), std::move(mend)});
    }
    void basics();
    void runtime();
    void workspace();
    void image();
    void interfaces();
    void sysctl(fact const& value, std::string_view good, std::string_view name,
                std::string_view bad_news);
    void files();
    void crashes();
    void room();
    void descriptors();
    void disk();
    void address();
    bool has_program(std::string_view name) const {
        return std::ranges::find(facts_.programs, name) != facts_.programs.end();
    }

    host_facts const& facts_;
    settings const& of_;
    findings out_;
};

void judge::basics() {
    if (facts_.root) {
        add(ok, "rights", "this runs as root");
    } else {
        add(fail, "rights", "this does not run as root, so no sandbox can be made",
            "run it as root, or with sudo");
    }
    if (facts_.openat2 && facts_.pidfd_open) {
        add(ok, "kernel", fmt::format("Linux {} has openat2 and pidfd_open", facts_.kernel));
    } else {
        add(fail, "kernel",
            fmt::format("Linux {} lacks {}, which files and processes of sessions need",
                        facts_.kernel, facts_.openat2 ? "pidfd_open" : "openat2"),
            "use Linux 5.6 or newer; inside a container, let its seccomp profile allow the call");
    }
}

void judge::runtime() {
    auto const& r = facts_.runtime;
    if (r.usable) {
        add(ok, "runtime",
            fmt::format("{} {} made, showed and removed a sandbox (cgroups: {})", r.name, r.version,
                        r.cgroups));
    } else if (r.problems.empty()) {
        add(fail, "runtime", "no sandbox can be made, and the runtime does not say why");
    }
    for (auto const& problem : r.problems) {
        add(r.usable ? warn : fail, "runtime", problem);
    }
    for (auto const& warning : r.warnings) {
        add(warn, "runtime", warning);
    }
}

void judge::workspace() {
    auto const& w = facts_.workspace;
    if (of_.sandbox.workspace_quota == "none") {
        add(warn, "workspaces", "workspace_quota is none: one session can fill the disk",
            "set workspace_quota = \"loop\" where loop devices and ext4 are at hand");
    } else {
        bool const ext4 = has_filesystem(facts_.filesystems.value_or(""), "ext4");
        auto const instead = "or choose workspace_quota = \"none\", which limits no disk space";
        if (!facts_.loop_control) {
            add(fail, "loop devices", "/dev/loop-control cannot be opened",
                fmt::format("modprobe loop (in a container: give it /dev/loop-control), {}",
                            instead));
        }
        if (!ext4) {
            add(fail, "ext4", "this kernel has no ext4", fmt::format("modprobe ext4, {}", instead));
        }
        if (!has_program("mkfs.ext4")) {
            add(fail, "ext4", "mkfs.ext4 is not installed", "apt install e2fsprogs");
        }
    }
    if (w.usable) {
        add(ok, "workspaces", "a workspace was made and removed");
    }
    for (auto const& problem : w.problems) {
        add(w.usable ? warn : fail, "workspaces", problem);
    }
    for (auto const& warning : w.warnings) {
        add(warn, "workspaces", warning);
    }
}

void judge::image() {
    if (facts_.image_problem.empty()) {
        add(ok, "image", facts_.image_about);
        return;
    }
    add(fail, "image", facts_.image_problem, "kernel-broker image build images/python");
    for (auto const* program : {"mmdebstrap", "python3", "unshare"}) {
        if (!has_program(program)) {
            add(warn, "image build", fmt::format("{} is not installed", program),
                fmt::format("apt install {}",
                            std::string_view{program} == "unshare" ? "util-linux" : program));
        }
    }
}

void judge::sysctl(fact const& value, std::string_view good, std::string_view name,
                   std::string_view bad_news) {
    if (value && good.find(*value) != std::string_view::npos && !value->empty()) {
        add(ok, "hardening", fmt::format("{} is {}", name, *value));
    } else {
        add(warn, "hardening",
            fmt::format("{} {}: {}", name, value ? "is " + *value : "does not exist here",
                        bad_news),
            value ? fmt::format("sysctl -w {}={}, and the same in /etc/sysctl.d", name, good.back())
                  : "a newer kernel has it");
    }
}

/// Ways into the kernel that a sandbox can try.
void judge::interfaces() {
    sysctl(facts_.io_uring_disabled, "12", "kernel.io_uring_disabled",
           "sandboxes can use io_uring, which many kernel exploits began with");
    sysctl(facts_.unprivileged_bpf_disabled, "12", "kernel.unprivileged_bpf_disabled",
           "sandboxes can load BPF programs");
    if (facts_.vsock) {
        add(warn, "vsock",
            "AF_VSOCK sockets can be made: they reach the hypervisor past the empty network of a "
            "sandbox",
            "unload and blacklist vsock, if nothing on this host needs it");
    } else {
        add(ok, "vsock", "no AF_VSOCK sockets here");
    }
    if (facts_.max_user_namespaces.value_or("0") == "0") {
        add(warn, "user namespaces", "there are none on this host; nothing uses them yet",
            "sysctl -w user.max_user_namespaces=10000");
    } else {
        add(ok, "user namespaces", fmt::format("at most {} at once", *facts_.max_user_namespaces));
    }
    auto const lsm = facts_.lsm.value_or("");
    if (lsm.find("apparmor") == std::string::npos && lsm.find("selinux") == std::string::npos) {
        add(warn, "LSM",
            "neither AppArmor nor SELinux is active: a second fence behind the sandbox is missing",
            "boot with apparmor=1 security=apparmor, where the kernel has it");
    } else {
        add(ok, "LSM", fmt::format("active: {}", lsm));
    }
    if (facts_.smt.value_or("0") == "1") {
        add(warn, "SMT", "two threads share a core, so sessions may learn of each other by timing",
            "boot with nosmt, if tenants do not trust each other");
    }
}

void judge::files() {
    sysctl(facts_.protected_symlinks, "1", "fs.protected_symlinks",
           "symbolic links of others in /tmp are followed");
    sysctl(facts_.protected_hardlinks, "1", "fs.protected_hardlinks",
           "users can make hard links to files of others");
}

void judge::crashes() {
    auto const pattern = facts_.core_pattern.value_or("");
    if (pattern.starts_with('|')) {
        add(warn, "core dumps",
            "kernel.core_pattern is a pipe: a crash in a sandbox starts a program on the host",
            "sysctl -w kernel.core_pattern=core, and the same in /etc/sysctl.d");
    } else {
        add(ok, "core dumps", "they are files, and sandboxes may not write them");
    }
    if (swap_in_use(facts_.swaps.value_or(""))) {
        add(warn, "swap",
            "swap is in use: memory of sessions may reach the disk, and a host short of memory "
            "becomes slow before it refuses",
            "swapoff -a, or an encrypted swap");
    } else {
        add(ok, "swap", "none");
    }
}

std::string in_mib(std::uint64_t bytes) { return fmt::format("{} MiB", bytes >> 20U); }

void judge::room() {
    auto const free = meminfo_bytes(facts_.meminfo.value_or(""), "MemAvailable");
    auto const each = of_.limits.defaults.memory_bytes;
    auto const floor = of_.sessions.caps.free_memory_floor_bytes;
    if (!free) {
        add(warn, "memory", "/proc/meminfo does not tell how much is free",
            "mount /proc, and make sure that this is Linux");
    } else if (*free < floor) {
        add(fail, "memory",
            fmt::format("{} are free, and below free_memory_floor_bytes ({}) no sandbox is started",
                        in_mib(*free), in_mib(floor)),
            "free memory, or lower free_memory_floor_bytes");
    } else if (*free < floor + each) {
        add(warn, "memory",
            fmt::format("{} are free, less than one session may use ({}) and the floor",
                        in_mib(*free), in_mib(each)),
            "free memory, or lower memory_bytes");
    } else {
        add(ok, "memory",
            fmt::format("{} are free: {} sessions at their limit; {} processors", in_mib(*free),
                        (*free - floor) / each, facts_.processors));
    }
    disk();
    descriptors();
}

void judge::descriptors() {
    auto const wanted =
        descriptors_of_a_session * of_.sessions.caps.sessions + descriptors_of_the_broker;
    if (facts_.open_files < wanted) {
        add(warn, "descriptors",
            fmt::format(
                "the hard limit is {}, and {} sessions (max_sessions) take {}: beyond {} "
                "of them no kernel is started",
                facts_.open_files, of_.sessions.caps.sessions, wanted,
                (facts_.open_files - std::min(facts_.open_files, descriptors_of_the_broker)) /
                    descriptors_of_a_session),
            "ulimit -Hn 65536, or LimitNOFILE= in the unit, or lower max_sessions");
    } else {
        add(ok, "descriptors",
            fmt::format("the hard limit is {}, to which serve raises its own; max_sessions take {}",
                        facts_.open_files, wanted));
    }
}

void judge::disk() {
    constexpr std::uint64_t least = std::uint64_t{256} << 20U;
    auto const where = facts_.disk_path;
    auto const free = facts_.disk_free_bytes;
    if (free < least) {
        add(fail, "disk", fmt::format("{} are free in {}", in_mib(free), where),
            "free space there, or set state_dir to a larger disk");
    } else if (free < of_.limits.defaults.disk_bytes) {
        add(warn, "disk",
            fmt::format("{} are free in {}, less than one workspace may grow to ({})", in_mib(free),
                        where, in_mib(of_.limits.defaults.disk_bytes)),
            "free space there, or set state_dir to a larger disk, or lower disk_bytes");
    } else {
        add(ok, "disk", fmt::format("{} are free in {}", in_mib(free), where));
    }
}

void judge::address() {
    if (facts_.listen_problem.empty()) {
        add(ok, "address", fmt::format("{} is free", of_.server.listen));
    } else {
        add(warn, "address", fmt::format("{}: {}", of_.server.listen, facts_.listen_problem),
            "if that is no broker of yours, end it or set another listen");
    }
}

}  // namespace

findings judge_host(host_facts const& facts, settings const& of) { return judge{facts, of}.run(); }

std::optional<std::uint64_t> meminfo_bytes(std::string_view meminfo, std::string_view name) {
    while (!meminfo.empty()) {
        auto const end = meminfo.find('\n');
        auto line = meminfo.substr(0, end);
        meminfo = end == std::string_view::npos ? std::string_view{} : meminfo.substr(end + 1);
        if (!line.starts_with(name) || !line.substr(name.size()).starts_with(':')) {
            continue;
        }
        line.remove_prefix(name.size() + 1);
        line.remove_prefix(std::min(line.find_first_not_of(' '), line.size()));
        std::uint64_t kib = 0;
        auto const [rest, error] = std::from_chars(line.data(), line.data() + line.size(), kib);
        if (error == std::errc{} && std::string_view(rest, line.data() + line.size()) == " kB") {
            return kib * 1024;
        }
    }
    return std::nullopt;
}

bool swap_in_use(std::string_view swaps) {
    auto const heading = swaps.find('\n');
    return heading != std::string_view::npos &&
           swaps.find_first_not_of(" \t\n", heading) != std::string_view::npos;
}

bool has_filesystem(std::string_view filesystems, std::string_view name) {
    while (!filesystems.empty()) {
        auto const end = filesystems.find('\n');
        auto const line = filesystems.substr(0, end);
        filesystems =
            end == std::string_view::npos ? std::string_view{} : filesystems.substr(end + 1);
        if (line.substr(line.find_last_of('\t') + 1) == name) {
            return true;
        }
    }
    return false;
}

}  // namespace broker
