// SPDX-License-Identifier: Apache-2.0
// Reads the environment once. Never returns from the step it was told. Any thread.
#include "broker/daemon/crash_point.hpp"

#include <atomic>
#include <charconv>
#include <csignal>
#include <cstdlib>
#include <memory>
#include <string>

namespace broker {

steps crash_point_from_environment() {
    // Read before any thread is started.
    char const* const given =
        std::getenv("KERNEL_BROKER_CRASH_AT");  // NOLINT(concurrency-mt-unsafe)
    if (given == nullptr || *given == '\0') {
        return steps{};
    }
    std::string name(given);
    int count = 1;
    if (auto const colon = name.find(':'); colon != std::string::npos) {
        std::from_chars(name.data() + colon + 1, name.data() + name.size(), count);
        name.resize(colon);
    }
    auto const left = std::make_shared<std::atomic<int>>(count);
    return steps([name, left](std::string_view reached) {
        if (reached == name && left->fetch_sub(1) == 1) {
            (void)std::raise(SIGKILL);
        }
    });
}

}  // namespace broker
