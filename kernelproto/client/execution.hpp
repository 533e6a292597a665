// SPDX-License-Identifier: Apache-2.0
// One execute_request, sent or followed, until its reply and its idle were heard, or until it is
// proven that one of them will never come. Never ends twice, never tells anything after the end,
// and never takes the word of a message whose parent is not its own. A value driven by one owner,
// who passes `now`.
#pragma once

#include "kernelproto/client/actions.hpp"
#include "kernelproto/client/requests.hpp"
#include "kernelproto/client/time.hpp"

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace kernelproto {

struct execution_timings {
    /// How long one half may be missing after the other half came. Measured gaps: p99 1.6 ms.
    std::chrono::milliseconds grace{1000};
    /// How often iopub is probed once the grace has passed.
    std::chrono::milliseconds probe_every{2000};
    /// Silence of iopub after the first probe that means it is mute.
    std::chrono::milliseconds mute_after{15000};
    /// Output that still comes puts `mute_after` off, but not beyond this.
    std::chrono::milliseconds mute_at_most{60000};
};

class execution {
public:
    /// `author` must outlive this.
    execution(execute_request what, request_author& author, execution_timings timings = {});

    /// One of the two, first of all calls, once.
    actions start(steady_time now);
    /// An earlier process of ours sent it under `id`. Nothing is sent but a probe on shell, which
    /// queues behind it: when that is answered and no reply was heard, it ended unheard. Of what
    /// it said before the subscription nothing is known.
    actions follow(std::string id, steady_time now);

    /// True for messages about this execution or about a probe of its own.
    bool owns(std::string_view parent_id) const noexcept;

    /// Precondition: `owns(heard.parent.msg_id)`. After the end everything is dropped.
    actions on_message(channel from, message heard, steady_time now);

    /// To be called at `next_deadline()`; earlier calls do nothing.
    actions on_timer(steady_time now);

    /// Ends it from outside (death, replacement, a broken link, the owner). Nothing when it has
    /// ended.
    actions stop(end_cause why);

    /// Sends the answer to the pending input_request; nothing when none is pending.
    actions answer_input(std::string_view value, steady_time now);

    /// Nothing while the cell simply runs: how long it may is the owner's matter.
    std::optional<steady_time> next_deadline() const noexcept;

    bool ended() const noexcept { return state_ == state::ended; }

private:
    enum class state {
        /// Not sent yet.
        unsent,
        /// Neither reply nor idle was heard.
        running,
        /// Idle was heard, no reply. At the deadline shell is probed: a forked child says idle for
        /// its parent's cell, so that this proves nothing yet.
        idle_only,
        /// No reply, and a probe waits on shell behind the cell; a cell that is followed begins
        /// here, idle or not. Shell answers in order: when the probe is answered, the reply will
        /// not come. A deadline is set once iopub says that the probe was handled.
        awaiting_shell,
        /// Reply was heard, no idle that belongs to it. At the deadline iopub is probed.
        reply_only,
        /// As before, and control was asked: what iopub says about the probe comes behind our idle.
        awaiting_iopub,
        ended,
    };

    struct probe {
        std::string id;
        channel to;
    };

    void on_own(channel from, message& heard, steady_time now, actions& out);
    void on_reply(message const& heard, steady_time now, actions& out);
    void on_idle(message const& heard, steady_time now, actions& out);
    void on_output(message& heard, steady_time now, actions& out);
    void on_status(message const& heard, steady_time now, actions& out);
    void on_input_request(message const& heard, actions& out);
    void on_probe(probe const& which, channel from, message const& heard, steady_time now,
                  actions& out);
    void on_reply_without_counting_idle(steady_time now, actions& out);
    void send_probe(channel to, steady_time now, actions& out);
    bool shell_probed() const noexcept;
    bool idle_counts() const noexcept;
    void put_off_mute(steady_time now) noexcept;
    void finish(end_cause why, actions& out);

    execute_request what_;
    request_author& author_;
    execution_timings timings_;
    state state_ = state::unsent;
    bool followed_ = false;
    std::string id_;
    std::optional<steady_time> deadline_;
    steady_time first_probe_{};
    steady_time mute_at_{};
    std::vector<probe> probes_;

    std::optional<execute_reply> reply_;
    std::optional<std::int64_t> reply_date_;
    bool idle_heard_ = false;
    bool idle_after_reply_ = false;
    std::optional<std::int64_t> idle_date_;
    bool started_ = false;
    std::optional<raised> raised_;
    std::optional<header> input_request_;
};

}  // namespace kernelproto
