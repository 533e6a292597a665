// SPDX-License-Identifier: Apache-2.0
// Everything that a connection to one kernel knows and that is not I/O: who a message belongs to,
// whether the kernel is ready, what runs, what was dropped and why.
// Never serves a second kernel: when another one answers on the same sockets, this one is over.
// A driver feeds it and performs the step that each call returns; one owner, who passes `now`.
#pragma once

#include "kernelproto/client/actions.hpp"
#include "kernelproto/client/counters.hpp"
#include "kernelproto/client/execution.hpp"
#include "kernelproto/client/interruption.hpp"
#include "kernelproto/client/liveness.hpp"
#include "kernelproto/client/readiness.hpp"
#include "kernelproto/wire/frames.hpp"
#include "kernelproto/wire/signer.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace kernelproto {

struct kernel_timings {
    execution_timings execution;
    readiness_timings readiness;
    interruption_timings interruption;
    liveness_timings liveness;
};

/// What the driver has to do, in the order of the members.
struct kernel_step {
    struct outbound {
        channel to;
        frame_list frames;
    };
    std::vector<outbound> send;
    std::vector<event> events;
    std::optional<execution_end> ended;
    std::optional<result<kernel_info>> ready;
    /// Why nothing will work any more, in a sentence. Told once.
    std::optional<std::string_view> unusable;
};

class kernel_state {
public:
    kernel_state(std::string_view key, frame_limits limits, request_author author,
                 kernel_timings timings = {});
    kernel_state(kernel_state const&) = delete;
    kernel_state& operator=(kernel_state const&) = delete;
    ~kernel_state() = default;

    /// To be called once the sockets are connected. One of the two, once; `ready` is told once.
    kernel_step begin_ready(steady_time deadline, steady_time now);
    kernel_step begin_adopt(steady_time deadline, steady_time now);

    /// Precondition: `!running()`. `ended` is told once for each. When an interrupt of the
    /// execution before is still unanswered, the request is held back until it is; when it is not
    /// answered in time, the request is never sent and this kernel is unusable.
    kernel_step begin_execute(execute_request what, steady_time now);

    /// Precondition: `!running()`. Hears out the execution that an earlier process of ours sent
    /// under `msg_id`; `ended` is told once, and it is running until then.
    kernel_step begin_follow(std::string msg_id, bool allow_stdin, steady_time now);

    /// A whole message of any channel.
    kernel_step on_frames(channel from, frame_list const& frames, steady_time now);

    /// The same for one of `bytes` that was decoded elsewhere (`decode_whole`), with this kernel's
    /// key and limits. Not for the heartbeat, which is no Jupyter message.
    kernel_step on_decoded(channel from, std::size_t bytes, result<message> heard, steady_time now);

    /// `messages` of output, together `bytes`, were thrown away before they were looked at.
    kernel_step on_discarded(std::uint64_t messages, std::uint64_t bytes);

    /// To be called at `next_deadline()`; earlier calls do nothing.
    kernel_step on_timer(steady_time now);
    std::optional<steady_time> next_deadline() const noexcept;

    /// Interrupts what runs, or what an adopted kernel is busy with. Nothing otherwise. What is
    /// held back is interrupted when it has been sent.
    kernel_step interrupt(steady_time now);

    /// Answers a pending input_request.
    kernel_step answer_input(std::string_view value, steady_time now);

    /// The process is gone. Messages that are already here must have been fed before.
    kernel_step kernel_died();
    /// The sockets are closed or broken.
    kernel_step link_lost();
    /// The owner gives up what runs; the connection stays usable only after `link_lost` is ruled
    /// out by the owner.
    kernel_step abandon();

    bool running() const noexcept { return execution_.has_value(); }
    connection_counters const& counters() const noexcept { return counters_; }

    /// The kernel's own session, from the first message that it signed; empty before.
    std::string const& kernel_session() const noexcept { return kernel_session_; }

private:
    kernel_step begin(readiness::mode how, steady_time deadline, steady_time now);
    kernel_step end_all(end_cause ended, client_errc not_ready);
    void on_message(channel from, message heard, steady_time now, kernel_step& out);
    void on_echo(frame_list const& frames);
    drop about_nothing(message const& heard) const noexcept;
    void release_held(steady_time now, kernel_step& out);
    void take(actions made, kernel_step& out);
    void count(drop why) noexcept;

    signer keys_;
    frame_limits limits_;
    request_author author_;
    kernel_timings timings_;
    connection_counters counters_;
    std::string kernel_session_;
    std::optional<readiness> readiness_;
    std::optional<execution> execution_;
    bool held_ = false;  // `execution_` waits for an interrupt to settle before it is sent
    bool interrupt_held_ = false;
    interruption interruption_;
    liveness liveness_;
    bool over_ = false;
};

}  // namespace kernelproto
