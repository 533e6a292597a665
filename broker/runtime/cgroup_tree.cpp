// SPDX-License-Identifier: Apache-2.0
#include "broker/runtime/cgroup_tree.hpp"

#include "broker/runtime/cgroup_values.hpp"
#include "broker/runtime/host_files.hpp"
#include "broker/runtime/process_facts.hpp"
#include "broker/runtime/process_handle.hpp"

#include <fmt/format.h>
#include <signal.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <set>
#include <thread>

namespace broker {
namespace {

constexpr char const* top = "/kernel-broker";

/// A new v1 cpuset is empty and takes no process until it has CPUs and memory nodes.
void fill_cpuset(std::string const& parent, std::string const& group) {
    for (char const* name : {"/cpuset.cpus", "/cpuset.mems"}) {
        auto const text = read_host_file(group + name);
        if (text && text->find_first_not_of(" \n") == std::string::npos) {
            if (auto const above = read_host_file(parent + name)) {
                (void)write_host_file(group + name, *above);
            }
        }
    }
}

/// On v2 a controller reaches a group only when the one above hands it down.
void hand_down(std::string const& group) {
    for (char const* controller : {"+cpu", "+memory", "+pids"}) {
        (void)write_host_file(group + "/cgroup.subtree_control", controller);
    }
}

std::vector<pid_t> pids_in(std::string const& group) {
    std::vector<pid_t> pids;
    for (auto const& line : split(read_host_file(group + "/cgroup.procs").value_or(""), '\n')) {
        pid_t pid = 0;
        if (std::from_chars(line.data(), line.data() + line.size(), pid).ec == std::errc{}) {
            pids.push_back(pid);
        }
    }
    return pids;
}

/// Signals what is in the group now. A pid is looked up again once a pidfd holds it, so that a
/// number that was given to somebody else in between is left alone.
bool kill_once(std::string const& group) {
    auto const seen = pids_in(group);
    for (pid_t const pid : seen) {
        process_handle const process{pid};
        auto const now = pids_in(group);
        if (process && std::ranges::find(now, pid) != now.end()) {
            process.signal(SIGKILL);
        }
    }
    return seen.empty();
}

bool remove_group(std::string const& path) { return ::rmdir(path.c_str()) == 0 || errno == ENOENT; }

}  // namespace

cgroup_tree::cgroup_tree(cgroup_layout layout, std::string instance)
    : layout_(std::move(layout)), instance_(std::move(instance)) {}

std::string cgroup_tree::path_of(session_id const& session) const {
    return fmt::format("{}/{}/{}", top, instance_, session.str());
}

std::string cgroup_tree::path_of(session_id const& session, sandbox_id const& sandbox) const {
    return path_of(session) + "/" + sandbox.str();
}

std::string cgroup_tree::file(std::string_view controller, std::string const& group,
                              std::string_view name) const {
    return fmt::format("{}{}/{}", layout_.mount_of(controller), group, name);
}

std::vector<std::string> cgroup_tree::roots() const {
    std::vector<std::string> mounts;
    for (auto const& h : layout_.hierarchies) {
        // Beside v1 hierarchies, cgroup2 carries nothing of ours: runtimes do not see it.
        if (!h.v2 || layout_.mode == cgroup_mode::v2) {
            mounts.push_back(h.mount);
        }
    }
    return mounts;
}

result<void> cgroup_tree::make_groups(session_id const& session) const {
    auto const levels = {std::string{top}, fmt::format("{}/{}", top, instance_), path_of(session)};
    for (auto const& root : roots()) {
        std::string parent = root;
        for (auto const& level : levels) {
            auto const group = root + level;
            if (layout_.mode == cgroup_mode::v2) {
                hand_down(parent);
            }
            if (int const error = make_directory(group, 0755); error != 0) {
                return fail(
                    errc::runtime_unavailable,
                    fmt::format("a control group could not be made: {}; the broker has to be "
                                "able to write to the control groups of the host",
                                describe_errno(error)));
            }
            fill_cpuset(parent, group);
            parent = group;
        }
    }
    return {};
}

result<void> cgroup_tree::prepare(session_id const& session, limits const& to, double cpus) const {
    // The end of another session may take the groups above away between any two steps, and a start
    // may find them made and not yet handed down to; what stays wrong is wrong.
    constexpr int most_tries = 100;
    for (int tries = 1;; ++tries) {
        auto done = make_groups(session);
        done = done ? write(session, settings_for(layout_.mode, to, cpus)) : done;
        if (done || tries == most_tries) {
            return done;
        }
        std::this_thread::yield();
    }
}

result<void> cgroup_tree::write(session_id const& session,
                                std::vector<cgroup_setting> const& table) const {
    for (auto const& s : table) {
        auto const path = file(s.controller, path_of(session), s.file);
        int const error = write_host_file(path, s.value);
        bool const optional = s.how == cgroup_setting::need::preparation ||
                              (s.how == cgroup_setting::need::if_present && !path_exists(path)) ||
                              s.file == "memory.use_hierarchy";
        if (error != 0 && !optional) {
            return fail(errc::runtime_unavailable,
                        fmt::format("the limit {} could not be set to {}: {}", s.file, s.value,
                                    describe_errno(error)));
        }
    }
    return {};
}

std::vector<std::string> cgroup_tree::differences(session_id const& session,
                                                  std::vector<cgroup_setting> const& table) const {
    std::vector<std::string> found;
    for (auto const& s : table) {
        auto const path = file(s.controller, path_of(session), s.file);
        if (s.how == cgroup_setting::need::preparation ||
            (s.how == cgroup_setting::need::if_present && !path_exists(path))) {
            continue;
        }
        auto const text = read_host_file(path);
        if (!text || !reads_back(s, *text)) {
            found.push_back(fmt::format("{} is {} instead of {}", s.file,
                                        text ? text->substr(0, text->find('\n')) : "unreadable",
                                        s.value));
        }
    }
    return found;
}

result<void> cgroup_tree::tighten_devices(session_id const& session,
                                          sandbox_id const& sandbox) const {
    if (layout_.mode == cgroup_mode::v2) {
        return {};  // a BPF program of the runtime; nothing here could replace or read it
    }
    auto const group = path_of(session, sandbox);
    int error = write_host_file(file("devices", group, "devices.deny"), "a");
    for (auto const& rule : device_rules()) {
        if (error == 0) {
            error = write_host_file(file("devices", group, "devices.allow"), rule);
        }
    }
    auto rules = split(read_host_file(file("devices", group, "devices.list")).value_or(""), '\n');
    std::ranges::sort(rules);
    if (error != 0 || rules != device_rules()) {
        return fail(errc::runtime_unavailable, "the device rules of the sandbox are not ours");
    }
    return {};
}

sandbox_usage cgroup_tree::usage(session_id const& session) const {
    bool const v2 = layout_.mode == cgroup_mode::v2;
    auto const read = [&](char const* controller, char const* name, char const* key) {
        auto const text = read_host_file(file(controller, path_of(session), name));
        return text ? parse_counter(*text, key).value_or(0) : 0;
    };
    sandbox_usage u;
    u.memory_bytes = read("memory", v2 ? "memory.current" : "memory.usage_in_bytes", "");
    u.cpu_s = v2 ? static_cast<double>(read("cpu", "cpu.stat", "usage_usec")) / 1e6
                 : static_cast<double>(read("cpuacct", "cpuacct.usage", "")) / 1e9;
    u.pids = static_cast<std::uint32_t>(read("pids", "pids.current", ""));
    return u;
}

std::uint64_t cgroup_tree::memory_kills(session_id const& session,
                                        sandbox_id const& sandbox) const {
    auto const* const name =
        layout_.mode == cgroup_mode::v2 ? "memory.events" : "memory.oom_control";
    auto const text = read_host_file(file("memory", path_of(session, sandbox), name));
    return text ? parse_counter(*text, "oom_kill").value_or(0) : 0;
}

bool cgroup_tree::kill_all(session_id const& session, sandbox_id const& sandbox,
                           std::chrono::milliseconds within) const {
    auto const until = std::chrono::steady_clock::now() + within;
    for (;;) {
        bool empty = true;
        for (auto const& root : roots()) {
            auto const group = root + path_of(session, sandbox);
            (void)write_host_file(group + "/cgroup.kill", "1");  // v2 since Linux 5.14
            empty &= kill_once(group);
        }
        if (empty || std::chrono::steady_clock::now() >= until) {
            return empty;
        }
        std::this_thread::sleep_for(std::chrono::milliseconds{1});
    }
}

bool cgroup_tree::remove(session_id const& session, sandbox_id const& sandbox) const {
    bool gone = true;
    for (auto const& root : roots()) {
        gone &= remove_group(root + path_of(session, sandbox));
    }
    return gone;
}

bool cgroup_tree::remove(session_id const& session) const {
    bool gone = true;
    for (auto const& root : roots()) {
        gone &= remove_group(root + path_of(session));
        (void)::rmdir(fmt::format("{}{}/{}", root, top, instance_).c_str());
        (void)::rmdir((root + top).c_str());
    }
    return gone;
}

std::vector<std::pair<session_id, sandbox_id>> cgroup_tree::sandboxes() const {
    std::set<std::pair<session_id, sandbox_id>> found;
    for (auto const& session : sessions()) {
        for (auto const& root : roots()) {
            for (auto const& name : names_in(root + path_of(session))) {
                if (is_random_id(name)) {
                    found.emplace(session, sandbox_id{name});
                }
            }
        }
    }
    return {found.begin(), found.end()};
}

std::vector<session_id> cgroup_tree::sessions() const {
    std::set<session_id> found;
    for (auto const& root : roots()) {
        for (auto const& name : names_in(fmt::format("{}{}/{}", root, top, instance_))) {
            if (is_random_id(name)) {
                found.insert(session_id{name});
            }
        }
    }
    return {found.begin(), found.end()};
}

}  // namespace broker
