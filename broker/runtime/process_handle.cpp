// SPDX-License-Identifier: Apache-2.0
#include "broker/runtime/process_handle.hpp"

#include "broker/runtime/host_files.hpp"
#include "broker/runtime/process_facts.hpp"

#include <poll.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <string>

namespace broker {

process_handle::process_handle(pid_t pid) noexcept
    : fd_(pid > 0 ? static_cast<int>(::syscall(SYS_pidfd_open, pid, 0)) : -1) {}

process_handle process_handle::of(pid_t pid, std::uint64_t start) {
    process_handle process{pid};
    // Read after the pidfd was opened: if the number had been given on before, the time differs.
    auto const stat = read_host_file("/proc/" + std::to_string(pid) + "/stat");
    if (!process || !stat || parse_start_time(*stat) != start ||
        process.wait(std::chrono::milliseconds{0})) {
        return {};
    }
    return process;
}

bool process_handle::signal(int number) const noexcept {
    return fd_ && ::syscall(SYS_pidfd_send_signal, fd_.get(), number, nullptr, 0) == 0;
}

bool process_handle::wait(std::chrono::milliseconds within) const noexcept {
    auto const until = std::chrono::steady_clock::now() + within;
    for (;;) {
        auto const left = std::chrono::duration_cast<std::chrono::milliseconds>(
            until - std::chrono::steady_clock::now());
        pollfd entry{fd_.get(), POLLIN, 0};
        int const n = ::poll(&entry, 1, left.count() > 0 ? static_cast<int>(left.count()) : 0);
        if (n > 0) {
            return true;
        }
        if (n == 0 || errno != EINTR) {
            return false;
        }
    }
}

}  // namespace broker
