// SPDX-License-Identifier: Apache-2.0
// The record a monitor keeps of its container: who both are, how far they came, how it ended.
// Never says more than was seen: what is unknown is absent. One flat JSON object, replaced whole by
// rename; written by the monitor alone, root-only, and read by the broker. No allocation, no
// exceptions: this header is part of a program that must stay tiny.
#pragma once

#include <cstddef>
#include <cstdio>

namespace broker::monitor {

inline constexpr int record_format = 1;

// Names inside the sandbox's directory.
inline constexpr char record_file[] = "monitor.json";
inline constexpr char record_draft[] = "monitor.json.new";
inline constexpr char pid_file[] = "pid";
inline constexpr char log_file[] = "runtime.log";
inline constexpr char bundle_dir[] = "bundle";

/// The monitor's end of the control socket.
inline constexpr int control_fd = 3;

// One byte each. The broker closing its end means: go on alone if the container was started, else
// end it and everything of it.
inline constexpr char ask_create = 'C';
inline constexpr char ask_start = 'S';
inline constexpr char told_ready = 'r';    // the record names the monitor; nothing else exists yet
inline constexpr char told_created = 'c';  // the record names the container, which waits
inline constexpr char told_started = 's';  // the container runs its own program
inline constexpr char told_failed = 'f';   // the record says why

/// How far the sandbox came; what holds in each state also holds in the next.
enum class stage {
    prepared,  // the monitor lives, the runtime was not called
    created,   // the container exists and waits
    running,   // its program was started
    ended,     // the container is gone and the evidence is complete
    failed,    // the runtime refused; `failure` says why
};

inline char const* name_of(stage s) noexcept {
    switch (s) {
        case stage::prepared:
            return "prepared";
        case stage::created:
            return "created";
        case stage::running:
            return "running";
        case stage::ended:
            return "ended";
        case stage::failed:
            return "failed";
    }
    return "failed";
}

struct record {
    stage at = stage::prepared;
    char const* session = "";
    char boot_id[40] = "";  // pids and start times mean something within one boot only
    long monitor_pid = 0;
    unsigned long long monitor_start = 0;  // clock ticks since boot, field 22 of /proc/<pid>/stat
    long container_pid = 0;                // 0: none yet
    unsigned long long container_start = 0;
    bool saw_end = false;
    int wait_status = 0;  // raw, of wait(2); meaningful when `saw_end`
    unsigned long long oom_kills = 0;
    unsigned long long pids_denied = 0;
    char failure[1024] = "";  // printable ASCII without quotes and backslashes
};

/// Leaves only what needs no escaping in a JSON string.
inline void keep_plain(char* text) noexcept {
    for (; *text != '\0'; ++text) {
        if (*text < ' ' || *text > '~' || *text == '"' || *text == '\\') {
            *text = *text == '"' ? '\'' : ' ';
        }
    }
}

/// Returns the length written, or 0 when `size` is too small (2048 is enough).
inline std::size_t format_record(record const& r, char* out, std::size_t size) noexcept {
    char status[16] = "null";
    if (r.saw_end) {
        (void)std::snprintf(status, sizeof status, "%d", r.wait_status);
    }
    int const n = std::snprintf(
        out, size,
        "{\"format\":%d,\"stage\":\"%s\",\"session\":\"%s\",\"boot_id\":\"%s\","
        "\"monitor_pid\":%ld,\"monitor_start\":%llu,\"container_pid\":%ld,\"container_start\":%llu,"
        "\"wait_status\":%s,\"oom_kills\":%llu,\"pids_denied\":%llu,\"failure\":\"%s\"}\n",
        record_format, name_of(r.at), r.session, r.boot_id, r.monitor_pid, r.monitor_start,
        r.container_pid, r.container_start, status, r.oom_kills, r.pids_denied, r.failure);
    return n > 0 && static_cast<std::size_t>(n) < size ? static_cast<std::size_t>(n) : 0;
}

}  // namespace broker::monitor
