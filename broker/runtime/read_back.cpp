// SPDX-License-Identifier: Apache-2.0
#include "broker/runtime/read_back.hpp"

#include "broker/runtime/host_files.hpp"
#include "broker/runtime/process_facts.hpp"

#include <fmt/format.h>
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
    auto const lines = split(seen.cgroup, '\n');
    bool any = false;
    for (auto const& line : lines) {
        bool const ours = line.ends_with(":" + host.cgroups_path);
        any |= ours;
        // Beside v1 hierarchies, cgroup2 carries nothing of ours.
        if (!ours && !(line.starts_with("0::") && lines.size() > 1)) {
            out.push_back(fmt::format("the process is in group '{}'", line));
        }
    }
    if (!any) {
        out.emplace_back("the process is in no group of ours");
    }
}

void compare_network(sentences& out, process_view const& seen) {
    // Two lines of heading, then one per interface.
    auto const lines = split(seen.net_dev, '\n');
    bool const only_lo = lines.size() == 3 && lines[2].find("lo:") != std::string::npos;
    if (!only_lo) {
        out.emplace_back("there are interfaces beside lo");
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
    if (wanted.type != "bind" && found.type != wanted.type) {
        out.push_back(
            fmt::format("{} is a {} instead of a {}", wanted.destination, found.type, wanted.type));
    }
    for (auto const& option : wanted.data) {
        // The kernel does not print what is its own default.
        if (option != "mode=1777" && !found.super_has(option)) {
            out.push_back(fmt::format("{} is mounted without {}", wanted.destination, option));
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
        if (node.empty()) {
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

std::vector<std::string> differences(process_view const& seen, sandbox_spec const& spec,
                                     bundle_host const& host) {
    sentences out;
    compare_status(out, seen, spec);
    compare_limits(out, seen, spec, host);
    compare_namespaces(out, seen, host);
    compare_network(out, seen);
    compare_mounts(out, seen, spec, host);
    return out;
}

bool has_seccomp(process_view const& seen) { return parse_status(seen.status)["Seccomp"] == "2"; }

bool has_user_namespace(process_view const& seen) {
    auto const inside = seen.namespaces.find("user");
    auto const outside = seen.host_namespaces.find("user");
    return inside != seen.namespaces.end() && outside != seen.host_namespaces.end() &&
           inside->second != outside->second;
}

}  // namespace broker
