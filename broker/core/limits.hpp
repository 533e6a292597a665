// SPDX-License-Identifier: Apache-2.0
// What one session may use. Never knows how a runtime enforces it. Values; any thread.
#pragma once

#include <cstdint>

namespace broker {

/// Defaults are those of docs/configuration.md. Sizes in bytes, times in seconds.
struct limits {
    std::uint64_t memory_bytes = std::uint64_t{512} << 20;  // no swap on top
    double cpus = 0.5;                                      // of one processor's time
    std::uint32_t pids = 128;                               // processes and threads
    std::uint64_t disk_bytes = std::uint64_t{1} << 30;      // the workspace
    double timeout_s = 60;                                  // of one execution, queue included

    friend bool operator==(limits const&, limits const&) = default;
};

}  // namespace broker
