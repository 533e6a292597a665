// SPDX-License-Identifier: Apache-2.0
// An interrupt until it has worked: interrupt_request on control, its reply, a nudge on shell (a
// cell that awaits wakes up only when a message comes), again a few times.
// Never sends a second interrupt for a cell that has ended, and never calls the way free while one
// is unanswered: an interrupt names no cell and would hit the next one. A value driven by one
// owner, who passes `now`.
#pragma once

#include "kernelproto/client/actions.hpp"
#include "kernelproto/client/requests.hpp"
#include "kernelproto/client/time.hpp"

#include <chrono>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace kernelproto {

struct interruption_timings {
    /// How long the reply to an interrupt_request is waited for.
    std::chrono::milliseconds reply_within{1000};
    /// How long an interrupt may take to work. Measured where it works: 0.1 to 0.4 s.
    std::chrono::milliseconds work_within{1000};
    int attempts = 4;
    /// How long the next cell waits for the reply. A kernel that was deaf because a cell held its
    /// interpreter answers within milliseconds of that cell's end.
    std::chrono::milliseconds settle_within{10000};
};

class interruption {
public:
    /// `author` must outlive this.
    explicit interruption(request_author& author, interruption_timings timings = {});

    /// Nothing while an escalation is under way; begins anew when one has come to nothing.
    actions start(steady_time now);

    bool owns(std::string_view parent_id) const noexcept;

    /// Precondition: `owns(heard.parent.msg_id)`.
    actions on_message(channel from, message const& heard, steady_time now);

    /// To be called at `next_deadline()`; earlier calls do nothing.
    actions on_timer(steady_time now);

    /// What was to be interrupted is over.
    void on_execution_ended() noexcept;

    /// Another cell is to be sent, once `settled()`.
    void on_next_waiting(steady_time now) noexcept;

    std::optional<steady_time> next_deadline() const noexcept { return deadline_; }

    /// No interrupt is on its way: the next cell can be sent without being hit.
    bool settled() const noexcept { return !unanswered_; }

    /// Whether one still is will not be known any more: no cell can be sent to this kernel.
    bool deaf() const noexcept { return state_ == state::deaf; }

private:
    enum class state {
        /// Nothing to do.
        quiet,
        /// An interrupt_request waits for its reply.
        asked,
        /// It was answered and shell was nudged; the cell has until the deadline.
        working,
        /// All attempts are used up; it is the owner's turn.
        given_up,
        /// The cell ended and the last interrupt_request is unanswered. The deadline is set once
        /// another cell waits for the reply.
        settling,
        /// The next cell waited for the reply in vain.
        deaf,
    };

    void ask(steady_time now, actions& out);
    void forget() noexcept;

    request_author& author_;
    interruption_timings timings_;
    state state_ = state::quiet;
    bool unanswered_ = false;  // the last interrupt_request; control answers in order
    int attempts_ = 0;
    std::optional<steady_time> deadline_;
    std::vector<std::string> asked_;
    std::vector<std::string> nudges_;
};

}  // namespace kernelproto
