// SPDX-License-Identifier: Apache-2.0
// What a monitor wrote of its container, read back by the broker.
// Never believed across a reboot, and never more than the record says. Values; any thread.
#pragma once

#include "broker/monitor/record.hpp"
#include "broker/runtime/process_handle.hpp"

#include <sys/types.h>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace broker {

struct monitor_record {
    monitor::stage at = monitor::stage::prepared;
    std::string session;
    std::string boot_id;
    pid_t monitor_pid = 0;
    std::uint64_t monitor_start = 0;
    pid_t container_pid = 0;  // 0: none yet
    std::uint64_t container_start = 0;
    std::optional<int> wait_status;
    std::uint64_t oom_kills = 0;
    std::uint64_t pids_denied = 0;
    std::string failure;

    /// Empty when it no longer lives, or lived before the host was started.
    process_handle monitor() const;
    process_handle container() const;
};

/// Nothing for any text that a monitor of this format did not write.
std::optional<monitor_record> parse_monitor_record(std::string_view text);

/// Of the record in a sandbox's directory.
std::optional<monitor_record> load_monitor_record(std::string const& sandbox_dir);

}  // namespace broker
