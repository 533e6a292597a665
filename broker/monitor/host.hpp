// SPDX-License-Identifier: Apache-2.0
// The few system calls of the monitor, spelled once.
// Never allocates and never follows a path that a sandbox can write. Single-threaded program.
#pragma once

#include "broker/monitor/record.hpp"

namespace broker::monitor {

/// Reads at most `size - 1` bytes and ends them with NUL; false when the file cannot be read.
bool read_text(char const* path, char* out, std::size_t size) noexcept;

/// The last `size - 1` bytes of a file, made plain; empty when there are none.
void read_tail(char const* path, char* out, std::size_t size) noexcept;

/// Replaces `monitor.json` in the working directory by a rename; false when it could not.
bool store(record const& r) noexcept;

/// The first record, and room for all later ones: a disk that fills up meanwhile takes no evidence.
/// (Where the file system cannot exchange two names, later records need room of their own.)
bool reserve(record const& r) noexcept;

/// Field 22 of /proc/<pid>/stat; 0 when there is no such process.
unsigned long long start_time_of(long pid) noexcept;

/// The number that follows `key` at the start of a line; 0 when file or key is missing.
unsigned long long counter(char const* path, char const* key) noexcept;

/// A mount namespace of its own whose mounts follow the host's but are never seen there, with
/// `cover` ("-": nothing) hidden under an empty file system. Runtimes refuse hybrid cgroup layouts
/// that they can see, and what they write instead of cgroup files vanishes with the cover.
bool enter_runtime_namespace(char const* cover) noexcept;

}  // namespace broker::monitor
