// SPDX-License-Identifier: Apache-2.0
// How long to wait before each attempt to reach a broker again, and when to give up.
// Never waits itself. A value; one thread.
#pragma once

#include <array>
#include <chrono>
#include <cstddef>
#include <optional>

namespace broker::client {

class retry_pauses {
public:
    /// Absent: about 30 s have passed in pauses since the last success.
    std::optional<std::chrono::milliseconds> next() noexcept {
        return used_ < pauses.size() ? std::optional{pauses[used_++]} : std::nullopt;
    }

    void on_success() noexcept { used_ = 0; }

private:
    static constexpr std::array<std::chrono::milliseconds, 8> pauses{
        {std::chrono::milliseconds{100}, std::chrono::milliseconds{400}, std::chrono::seconds{1},
         std::chrono::seconds{2}, std::chrono::seconds{4}, std::chrono::seconds{6},
         std::chrono::seconds{8}, std::chrono::seconds{8}}};

    std::size_t used_ = 0;
};

}  // namespace broker::client
