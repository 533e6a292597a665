// SPDX-License-Identifier: Apache-2.0
// Starting a monitor and giving it orders, and calling a runtime through it.
// Never leaves a descriptor, a signal mask or an environment of the broker to what it starts.
// Blocks with deadlines; any thread.
#pragma once

#include "broker/base/result.hpp"
#include "broker/base/unique_fd.hpp"

#include <chrono>
#include <optional>
#include <string>
#include <vector>

namespace broker {

struct monitor_command {
    std::string program;       // kernel-broker-monitor
    std::string directory;     // of the sandbox; holds bundle/config.json
    std::string runtime;       // crun, runc, ...: absolute
    std::string runtime_root;  // the runtime's own state
    std::string container_id;
    std::string session;
    std::string oom_file;           // cgroup files with the counters of the end
    std::string pids_file;          // of the sandbox
    std::string session_pids_file;  // of the session
    std::string cover;              // `cgroup_layout::cover`
};

/// The broker's end of a monitor's control socket. Closing it before `ask_start` was answered ends
/// the container, later it means nothing.
class monitor_link {
public:
    explicit monitor_link(unique_fd control) : control_(std::move(control)) {}

    /// Sends an order and waits for the answer; 0 when the monitor is gone or the time is over.
    char ask(char order, std::chrono::milliseconds within);
    char answer(std::chrono::milliseconds within);

private:
    unique_fd control_;
};

/// Started, on its own (no child of ours is left) and with its first record written.
result<monitor_link> start_monitor(monitor_command const& command);

struct program_end {
    int wait_status = -1;
    std::string output;  // both streams, the first 64 KiB
};

/// Runs a program to its end; nothing when it could not be started or the time was over (then it
/// was killed). Its environment is empty.
std::optional<program_end> run_program(std::vector<std::string> const& argv,
                                       std::chrono::milliseconds within);

}  // namespace broker
