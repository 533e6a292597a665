// SPDX-License-Identifier: Apache-2.0
// Whether a kernel can be used: kernel_info is asked again and again until it was answered and
// iopub was heard (JEP 65; a subscription that is not registered yet loses messages silently).
// Never waits beyond its deadline. A value driven by one owner, who passes `now`.
#pragma once

#include "kernelproto/client/actions.hpp"
#include "kernelproto/client/errc.hpp"
#include "kernelproto/client/requests.hpp"
#include "kernelproto/client/time.hpp"

#include <chrono>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace kernelproto {

struct readiness_timings {
    /// Between two nudges while nothing answers.
    std::chrono::milliseconds nudge_every{500};
    /// First pause once shell or control answered but iopub did not; doubles up to `nudge_every`.
    std::chrono::milliseconds hurry{50};
};

class readiness {
public:
    enum class mode {
        /// A kernel that was just started: nudged on shell and control; one reply and any message
        /// on iopub will do.
        fresh,
        /// A kernel that may be running a cell: nudged on shell only, where the nudge queues
        /// behind the cell; the reply to a nudge and an idle of a nudge are wanted.
        adopted,
    };

    /// `author` must outlive this.
    readiness(mode how, request_author& author, steady_time deadline,
              readiness_timings timings = {});

    /// First of all calls, once.
    actions start(steady_time now);

    bool owns(std::string_view parent_id) const noexcept;

    /// To be called with every message of the kernel, whatever its parent.
    actions on_message(channel from, message const& heard, steady_time now);

    /// To be called at `next_deadline()`; earlier calls do nothing.
    actions on_timer(steady_time now);

    /// Ends it from outside. Nothing when it has ended.
    actions stop(client_errc why);

    std::optional<steady_time> next_deadline() const noexcept;

    bool ended() const noexcept { return ended_; }

private:
    void nudge(steady_time now, actions& out);
    bool hear(channel from, message const& heard, steady_time now, actions& out);

    mode mode_;
    request_author& author_;
    steady_time deadline_;
    readiness_timings timings_;
    std::vector<std::string> nudges_;
    std::optional<kernel_info> info_;
    bool iopub_heard_ = false;
    std::chrono::milliseconds pause_;
    std::optional<steady_time> next_nudge_;
    bool ended_ = false;
};

}  // namespace kernelproto
