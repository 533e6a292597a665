// SPDX-License-Identifier: Apache-2.0
// A process of the host that stays the same process: a pidfd, checked against its start time.
// Never signals by number. Any thread, one owner.
#pragma once

#include "broker/base/unique_fd.hpp"

#include <sys/types.h>

#include <chrono>
#include <cstdint>

namespace broker {

class process_handle {
public:
    process_handle() = default;
    explicit process_handle(pid_t pid) noexcept;

    /// Empty unless the process lives and was started at `start` (ticks, /proc/<pid>/stat).
    static process_handle of(pid_t pid, std::uint64_t start);

    explicit operator bool() const noexcept { return static_cast<bool>(fd_); }

    bool signal(int number) const noexcept;

    /// Until it has ended (zombies count as ended); false when the time came first.
    bool wait(std::chrono::milliseconds within) const noexcept;

    unique_fd take() noexcept { return std::move(fd_); }

private:
    unique_fd fd_;
};

}  // namespace broker
