// SPDX-License-Identifier: Apache-2.0
#include "broker/runtime/runtime_finder.hpp"

#include "broker/runtime/host_files.hpp"
#include "broker/runtime/monitor_process.hpp"
#include "broker/runtime/process_facts.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <charconv>

namespace broker {
namespace {

using version_numbers = std::array<unsigned, 3>;

version_numbers numbers_of(std::string_view version) {
    version_numbers numbers{};
    auto const parts = split(version, '.');
    for (std::size_t i = 0; i < numbers.size() && i < parts.size(); ++i) {
        std::from_chars(parts[i].data(), parts[i].data() + parts[i].size(), numbers[i]);
    }
    return numbers;
}

std::optional<found_runtime> look_up(std::string const& wanted) {
    std::vector<std::string> places;
    if (wanted.starts_with('/')) {
        places.push_back(wanted);
    } else {
        for (char const* folder : {"/usr/local/bin/", "/usr/bin/", "/usr/local/sbin/", "/usr/sbin/",
                                   "/bin/", "/sbin/"}) {
            places.push_back(folder + wanted);
        }
    }
    for (auto const& path : places) {
        if (::access(path.c_str(), X_OK) == 0) {
            return found_runtime{wanted.substr(wanted.rfind('/') + 1), path, {}};
        }
    }
    return std::nullopt;
}

}  // namespace

std::vector<found_runtime> find_runtimes(std::string const& wanted) {
    std::vector<found_runtime> found;
    for (auto const& name : split(wanted == "auto" ? "crun,runc" : wanted, ',')) {
        if (auto runtime = look_up(name)) {
            found.push_back(std::move(*runtime));
        }
    }
    return found;
}

std::string read_version(found_runtime const& runtime) {
    auto const said = run_program({runtime.path, "--version"}, std::chrono::seconds{5});
    return said ? parse_version(said->output) : std::string{};
}

std::string parse_version(std::string_view output) {
    constexpr std::string_view word = "version ";
    auto const at = output.find(word);
    if (at == std::string_view::npos) {
        return {};
    }
    output.remove_prefix(at + word.size());
    auto const end = output.find_first_not_of("0123456789.");
    return std::string{output.substr(0, end)};
}

std::optional<std::string> version_warning(found_runtime const& runtime) {
    struct floor {
        char const* name;
        char const* version;
    };
    // The first versions with all published fixes that concern how sandboxes are made here.
    for (floor const f : {floor{"crun", "1.28"}, floor{"runc", "1.3.6"}}) {
        if (runtime.name == f.name && numbers_of(runtime.version) < numbers_of(f.version)) {
            return fmt::format(
                "{} {} is older than {} and may lack security fixes that your distribution did not "
                "carry back; install a newer {} when there is one",
                runtime.name, runtime.version.empty() ? "of unknown version" : runtime.version,
                f.version, runtime.name);
        }
    }
    return std::nullopt;
}

std::vector<std::string> host_problems(cgroup_layout const& layout, std::string const& monitor) {
    std::vector<std::string> problems;
    if (::geteuid() != 0) {
        problems.emplace_back("sandboxes need root: start the broker as root or with sudo");
    }
    if (::access(monitor.c_str(), X_OK) != 0) {
        problems.emplace_back("kernel-broker-monitor is missing: install it beside kernel-broker");
    }
    if (auto tunnels = tunnel_problem(
            read_host_file("/proc/self/net/dev").value_or(""),
            read_host_file("/proc/sys/net/core/fb_tunnels_only_for_init_net").value_or("0"))) {
        problems.push_back(std::move(*tunnels));
    }
    auto const missing = layout.missing();
    if (layout.mode == cgroup_mode::none) {
        problems.emplace_back(
            "no cgroups are mounted, so nothing could be limited: mount cgroup2 on "
            "/sys/fs/cgroup");
    } else if (!missing.empty()) {
        problems.push_back(fmt::format(
            "cgroup controllers are missing: {}; mount them below /sys/fs/cgroup or boot with them",
            fmt::join(missing, ", ")));
    }
    return problems;
}

std::optional<std::string> swap_warning(cgroup_mode mode, bool has_memsw, std::string_view swaps,
                                        std::string_view cmdline) {
    bool const used = split(swaps, '\n').size() > 1;  // the first line is a heading
    // On v2 the root group, the only one there always is, has no file that would tell.
    bool const counted = mode == cgroup_mode::v2
                             ? cmdline.find("swapaccount=0") == std::string_view::npos
                             : has_memsw;
    if (!used || counted) {
        return std::nullopt;
    }
    return "this host swaps but does not count it (swapaccount=0), so a session may use swap "
           "beyond its memory limit: boot with swapaccount=1, or swapoff -a";
}

std::optional<std::string> tunnel_problem(std::string_view net_dev, std::string_view setting) {
    constexpr std::array tunnels{"tunl0",   "gre0",    "gretap0", "erspan0", "sit0",
                                 "ip6tnl0", "ip6gre0", "ip_vti0", "ip6_vti0"};
    std::vector<std::string> found;
    for (auto const& name : interfaces_of(net_dev)) {
        if (std::ranges::find(tunnels, name) != tunnels.end()) {
            found.push_back(name);
        }
    }
    if (found.empty() || !setting.starts_with('0')) {
        return std::nullopt;
    }
    return fmt::format(
        "this host gives every new network the tunnels {}, so that no sandbox would be without: "
        "sysctl -w net.core.fb_tunnels_only_for_init_net=2, and the same in /etc/sysctl.d",
        fmt::join(found, ", "));
}

std::vector<std::string> host_warnings(cgroup_layout const& layout) {
    std::vector<std::string> warnings;
    bool const memsw = path_exists(layout.mount_of("memory") + "/memory.memsw.limit_in_bytes");
    if (auto uncounted =
            swap_warning(layout.mode, memsw, read_host_file("/proc/swaps").value_or(""),
                         read_host_file("/proc/cmdline").value_or(""))) {
        warnings.push_back(std::move(*uncounted));
    }
    if (read_host_file("/proc/sys/kernel/core_pattern").value_or("").starts_with('|')) {
        warnings.emplace_back(
            "core_pattern starts a program on the host for every crash, also in "
            "sandboxes: consider kernel.core_pattern=core");
    }
    return warnings;
}

}  // namespace broker
