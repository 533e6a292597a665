// SPDX-License-Identifier: Apache-2.0
// The heartbeat: a ping on its own socket, echoed by a thread of the kernel that needs no Python.
// Never calls silence life, and never calls one late tick of our own loop death: pings that had
// their time and were not answered are counted. A value driven by one owner, who passes `now`.
#pragma once

#include "kernelproto/client/time.hpp"

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace kernelproto {

struct liveness_timings {
    std::chrono::milliseconds every{5000};
    /// Pings in a row without an answer that mean death.
    int misses = 6;
};

class liveness {
public:
    struct step {
        std::optional<std::string> ping;  // to be sent as one frame on the heartbeat channel
        bool dead = false;                // told once; `start` begins anew
    };

    explicit liveness(liveness_timings timings = {}) noexcept : timings_(timings) {}

    /// The first ping goes out one interval later: what is over before costs no heartbeat.
    void start(steady_time now) noexcept;
    void stop() noexcept { deadline_.reset(); }

    /// True when `echo` was an answer to a ping that nobody had answered yet.
    bool on_echo(std::string_view echo) noexcept;

    /// To be called at `next_deadline()`; earlier calls do nothing.
    step on_timer(steady_time now);

    std::optional<steady_time> next_deadline() const noexcept { return deadline_; }

private:
    liveness_timings timings_;
    std::optional<steady_time> deadline_;
    bool asked_ = false;  // a ping went out since `start`
    std::uint64_t sent_ = 0;
    std::uint64_t answered_ = 0;
    int missed_ = 0;
};

}  // namespace kernelproto
