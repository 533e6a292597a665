// SPDX-License-Identifier: Apache-2.0
#include "broker/runtime/read_back.hpp"

#include "broker/runtime/host_files.hpp"
#include "broker/runtime/process_facts.hpp"

#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>

namespace broker {
namespace {

using sentences = std::vector<std::string>;

constexpr std::array namespace_names{"pid", "net", "ipc", "uts", "mnt", "cgroup", "user"};

std::map<std::string, std::string> namespaces_of(std::string const& process) {
    std::map<std::string, std::string> found;
    for (char const* name : namespace_names) {
        char target[64];
        auto const path = fmt::format("/proc/{}/ns/{}", process, name);
        ssize_t const n = ::readlink(path.c_str(), target, sizeof target);
        if (n > 0) {
            found.emplace(name, std::string(target, static_cast<std::size_t>(n)));
        }
    }
    return found;
}

/// Where a directory of the host is shown, and which.
std::map<std::string, std::string> planned_places(sandbox_spec const& spec,
                                                  bundle_host const& host) {
    std::map<std::string, std::string> places{{"/", host.rootfs}};
    for (auto const& m : planned_mounts(spec, host)) {
        if (m.type == "bind") {
            places.emplace(m.destination, m.source);
        }
    }
    return places;
}

void expect(sentences& out, std::string_view what, std::string_view found,
            std::string_view wanted) {
    if (found != wanted) {
        out.push_back(fmt::format("{} is '{}' instead of '{}'", what, found, wanted));
    }
}

void compare_status(sentences& out, process_view const& seen, sandbox_spec const& spec) {
    auto status = parse_status(seen.status);
    auto const uid = std::to_string(spec.uid);
    auto const four = fmt::format("{0} {0} {0} {0}", uid);
    expect(out, "Uid", status["Uid"], four);
    expect(out, "Gid", status["Gid"], four);
    expect(out, "Groups", status.contains("Groups") ? status["Groups"] : "unknown", "");
    for (char const* set : {"CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb"}) {
        expect(out, set, status[set], "0000000000000000");
    }
    expect(out, "NoNewPrivs", status["NoNewPrivs"], "1");
    expect(out, "Umask", status["Umask"], "0077");
}

void compare_limits(sentences& out, process_view const& seen, sandbox_spec const& spec,
                    bundle_host const& host) {
    auto limits = parse_limits(seen.limits);
    for (auto const& r : planned_rlimits(spec)) {
        auto const& found = limits[r.label];
        auto const wanted = std::to_string(r.value);
        if (found != rlimit_fact{wanted, wanted}) {
            out.push_back(fmt::format("{} is '{}/{}' instead of '{}'", r.label, found.soft,
                                      found.hard, wanted));
        }
    }
    expect(out, "oom_score_adj", seen.oom_score_adj, std::to_string(host.oom_score_adj));
}

void compare_namespaces(sentences& out, process_view const& seen, bundle_host const& host) {
    for (char const* name : {"pid", "net", "ipc", "uts", "mnt", "cgroup"}) {
        auto const inside = seen.namespaces.find(name);
        auto const outside = seen.host_namespaces.find(name);
        if (inside == seen.namespaces.end() || outside == seen.host_namespaces.end() ||
            inside->second == outside->second) {
            out.push_back(fmt::format("the {} namespace is the host's", name));
        }
    }
    if (!in_groups(seen, host.cgroups_path)) {
        out.push_back(fmt::format("the process is in the groups '{}'",
                                  fmt::join(split(seen.cgroup, '\n'), "', '")));
    }
}

void compare_network(sentences& out, process_view const& seen) {
    auto const names = interfaces_of(seen.net_dev);
    if (names != std::vector<std::string>{"lo"}) {
        out.push_back(
            fmt::format("the network interfaces are '{}' instead of 'lo'", fmt::join(names, ", ")));
    }
    if (split(seen.net_route, '\n').size() > 1) {
        out.emplace_back("there are routes");
    }
    if (seen.net_trie.find("127.0.0.1") == std::string::npos) {
        out.emplace_back("lo is not up");
    }
}

void compare_mount(sentences& out, planned_mount const& wanted, mount_fact const& found) {
    for (char const* flag : {"nosuid", "nodev", "noexec", "ro"}) {
        bool const asked = std::ranges::find(wanted.flags, flag) != wanted.flags.end();
        if (asked != found.has(flag)) {
            out.push_back(fmt::format("{} is mounted {} {}", wanted.destination,
                                      asked ? "without" : "with", flag));
        }
    }
    auto const& type = wanted.type == "bind" ? wanted.file_system : wanted.type;
    if (!type.empty() && found.type != type) {
        out.push_back(
            fmt::format("{} is a {} instead of a {}", wanted.destination, found.type, type));
    }
    for (auto const& option : wanted.data) {
        // The kernel does not print what is its own default.
        if (option != "mode=1777" && !found.super_has(option)) {
            out.push_back(fmt::format("{} is mounted without {}", wanted.destination, option));
        }
    }
}

/// The null device over a file, an empty file system over a directory.
bool hides(mount_fact const& m) {
    bool const null = m.root == "/null" && (m.type == "devtmpfs" || m.type == "tmpfs");
    return null || (m.type == "tmpfs" && m.root == "/" && m.has("ro"));
}

void compare_places(sentences& out, process_view const& seen, sandbox_spec const& spec,
                    bundle_host const& host) {
    for (auto const& [where, source] : planned_places(spec, host)) {
        auto const found = seen.places.find(where);
        if (found == seen.places.end() || found->second.inside.empty() ||
            found->second.inside != found->second.outside) {
            out.push_back(fmt::format("{} is another directory than the one meant", where));
        }
    }
}

void compare_mounts(sentences& out, process_view const& seen, sandbox_spec const& spec,
                    bundle_host const& host) {
    std::map<std::string, mount_fact> found;
    for (auto& m : parse_mountinfo(seen.mountinfo)) {
        auto const where = m.mount_point;
        if (!found.emplace(where, std::move(m)).second) {
            out.push_back(fmt::format("{} is mounted twice", where));
        }
    }
    auto const root = found.extract("/");
    if (root.empty() || !root.mapped().has("ro")) {
        out.emplace_back("the root is not read-only");
    }
    for (auto const& wanted : planned_mounts(spec, host)) {
        auto const node = found.extract(wanted.destination);
        if (node.empty()) {
            out.push_back(fmt::format("{} is not mounted", wanted.destination));
        } else {
            compare_mount(out, wanted, node.mapped());
        }
    }
    for (auto const& path : seen.hideable) {
        auto const node = found.extract(path);
        auto const& readonly = readonly_paths();
        bool const must_be_ro = std::ranges::find(readonly, path) != readonly.end();
        if (node.empty() || !(must_be_ro ? node.mapped().type == "proc" : hides(node.mapped()))) {
            out.push_back(fmt::format("{} is in sight", path));
        } else if (must_be_ro && !node.mapped().has("ro")) {
            out.push_back(fmt::format("{} is writable", path));
        }
    }
    for (auto const& [where, m] : found) {
        out.push_back(fmt::format("{} is mounted, which nobody asked for", where));
    }
}

}  // namespace

process_view look_at(pid_t pid) {
    auto const process = std::to_string(pid);
    auto const text = [&](char const* name) {
        auto const path = fmt::format("/proc/{}/{}", process, name);
        return read_host_file(path).value_or("");
    };
    process_view v;
    v.status = text("status");
    v.limits = text("limits");
    v.mountinfo = text("mountinfo");
    v.cgroup = text("cgroup");
    v.oom_score_adj = text("oom_score_adj");
    v.oom_score_adj.erase(std::min(v.oom_score_adj.find('\n'), v.oom_score_adj.size()));
    v.net_dev = text("net/dev");
    v.net_route = text("net/route");
    v.net_trie = text("net/fib_trie");
    v.namespaces = namespaces_of(process);
    v.host_namespaces = namespaces_of("self");
    for (auto const* paths : {&masked_paths(), &readonly_paths()}) {
        for (auto const& path : *paths) {
            if (path_exists(path)) {
                v.hideable.push_back(path);
            }
        }
    }
    return v;
}

std::string place_at(std::string const& path) {
    struct stat status {};
    return ::stat(path.c_str(), &status) == 0 ? fmt::format("{}:{}", status.st_dev, status.st_ino)
                                              : std::string{};
}

void look_at_places(process_view& view, pid_t pid, sandbox_spec const& spec,
                    bundle_host const& host) {
    for (auto const& [where, source] : planned_places(spec, host)) {
        view.places[where] = {place_at(fmt::format("/proc/{}/root{}", pid, where)),
                              place_at(source)};
    }
}

std::vector<std::string> differences(process_view const& seen, sandbox_spec const& spec,
                                     bundle_host const& host) {
    sentences out;
    compare_status(out, seen, spec);
    compare_limits(out, seen, spec, host);
    compare_namespaces(out, seen, host);
    compare_network(out, seen);
    compare_mounts(out, seen, spec, host);
    compare_places(out, seen, spec, host);
    return out;
}

bool in_groups(process_view const& seen, std::string const& path) {
    auto const lines = split(seen.cgroup, '\n');
    return !lines.empty() && std::ranges::all_of(lines, [&](auto const& line) {
        // Beside v1 hierarchies, cgroup2 carries nothing of ours.
        return line.ends_with(":" + path) || (line.starts_with("0::") && lines.size() > 1);
    });
}

bool has_seccomp(process_view const& seen) { return parse_status(seen.status)["Seccomp"] == "2"; }

bool has_user_namespace(process_view const& seen) {
    auto const inside = seen.namespaces.find("user");
    auto const outside = seen.host_namespaces.find("user");
    return inside != seen.namespaces.end() && outside != seen.host_namespaces.end() &&
           inside->second != outside->second;
}

}  // namespace broker
