// SPDX-License-Identifier: Apache-2.0
// Routing: every message goes to the machine that owns its parent, or is counted with a reason.
// Never lets one machine's end leave another one waiting. Driven by one owner, who passes `now`.
#include "kernelproto/client/kernel_state.hpp"

#include "kernelproto/wire/codec.hpp"
#include "kernelproto/wire/errc.hpp"

#include <algorithm>
#include <utility>

namespace kernelproto {

kernel_state::kernel_state(std::string_view key, frame_limits limits, request_author author,
                           kernel_timings timings)
    : keys_(key),
      limits_(limits),
      author_(std::move(author)),
      timings_(timings),
      interruption_(author_, timings.interruption),
      liveness_(timings.liveness) {}

kernel_step kernel_state::begin_ready(steady_time deadline, steady_time now) {
    return begin(readiness::mode::fresh, deadline, now);
}

kernel_step kernel_state::begin_adopt(steady_time deadline, steady_time now) {
    return begin(readiness::mode::adopted, deadline, now);
}

kernel_step kernel_state::begin(readiness::mode how, steady_time deadline, steady_time now) {
    kernel_step out;
    readiness_.emplace(how, author_, deadline, timings_.readiness);
    take(over_ ? readiness_->stop(client_errc::unreachable) : readiness_->start(now), out);
    return out;
}

kernel_step kernel_state::begin_execute(execute_request what, steady_time now) {
    kernel_step out;
    execution_.emplace(std::move(what), author_, timings_.execution);
    if (over_) {
        take(execution_->stop(end_cause::unreachable), out);
        return out;
    }
    held_ = true;
    interruption_.on_next_waiting(now);
    release_held(now, out);
    return out;
}

kernel_step kernel_state::begin_follow(std::string msg_id, bool allow_stdin, steady_time now) {
    kernel_step out;
    execute_request what;
    what.allow_stdin = allow_stdin;
    execution_.emplace(std::move(what), author_, timings_.execution);
    if (over_) {
        take(execution_->stop(end_cause::unreachable), out);
        return out;
    }
    take(execution_->follow(std::move(msg_id), now), out);
    liveness_.start(now);
    return out;
}

void kernel_state::release_held(steady_time now, kernel_step& out) {
    if (!held_ || !execution_ || !interruption_.settled()) {
        return;
    }
    held_ = false;
    take(execution_->start(now), out);
    liveness_.start(now);
    if (std::exchange(interrupt_held_, false)) {
        take(interruption_.start(now), out);
    }
}

kernel_step kernel_state::on_frames(channel from, frame_list const& frames, steady_time now) {
    if (from == channel::heartbeat) {
        ++counters_.received;
        counters_.received_bytes += total_bytes(frames);
        on_echo(frames);
        return {};
    }
    return on_decoded(from, total_bytes(frames), decode(frames, keys_, limits_), now);
}

kernel_step kernel_state::on_decoded(channel from, std::size_t bytes, result<message> heard,
                                     steady_time now) {
    kernel_step out;
    ++counters_.received;
    counters_.received_bytes += bytes;
    if (!heard) {
        counters_.count_invalid(heard.error());
        return out;
    }
    on_message(from, std::move(*heard), now, out);
    release_held(now, out);
    return out;
}

void kernel_state::on_echo(frame_list const& frames) {
    if (frames.empty() || !liveness_.on_echo(frames.back().bytes())) {
        count(drop::surplus);
    }
}

void kernel_state::on_message(channel from, message heard, steady_time now, kernel_step& out) {
    if (over_) {
        count(drop::surplus);
        return;
    }
    auto const& session = heard.head.session;
    if (kernel_session_.empty()) {
        kernel_session_ = session;
    } else if (!session.empty() && session != kernel_session_) {
        count(drop::foreign_parent);
        out = end_all(end_cause::kernel_replaced, client_errc::kernel_replaced);
        out.unusable = "another kernel answers on the same sockets";
        return;
    }
    if (execution_ && execution_->owns(heard.parent.msg_id)) {
        take(execution_->on_message(from, std::move(heard), now), out);
    } else if (interruption_.owns(heard.parent.msg_id)) {
        take(interruption_.on_message(from, heard, now), out);
    } else if (readiness_) {
        // It hears everything: any message on iopub shows that the subscription is there.
        bool const owned = readiness_->owns(heard.parent.msg_id);
        auto made = readiness_->on_message(from, heard, now);
        made.dropped = owned || made.dropped == drop::none ? made.dropped : about_nothing(heard);
        take(std::move(made), out);
    } else {
        count(about_nothing(heard));
    }
}

/// The reason to drop a message that no machine owns.
drop kernel_state::about_nothing(message const& heard) const noexcept {
    if (heard.parent.empty()) {
        return drop::unasked;
    }
    if (!author_.wrote(heard.parent.msg_id)) {
        return drop::foreign_parent;
    }
    constexpr std::string_view outputs[] = {"stream", "display_data", "execute_result",
                                            "error",  "clear_output", "update_display_data"};
    return std::find(std::begin(outputs), std::end(outputs), heard.head.msg_type) !=
                   std::end(outputs)
               ? drop::late
               : drop::surplus;
}

kernel_step kernel_state::on_discarded(std::uint64_t messages, std::uint64_t bytes) {
    kernel_step out;
    counters_.received += messages;
    counters_.received_bytes += bytes;
    counters_.discarded += messages;
    if (execution_ && !held_) {
        out.events.emplace_back(output_discarded{bytes});
    }
    return out;
}

kernel_step kernel_state::on_timer(steady_time now) {
    kernel_step out;
    if (readiness_) {
        take(readiness_->on_timer(now), out);
    }
    if (execution_ && !held_) {
        take(execution_->on_timer(now), out);
    }
    take(interruption_.on_timer(now), out);
    if (interruption_.deaf() && !over_) {
        out = end_all(end_cause::unreachable, client_errc::unreachable);
        out.unusable = "an interrupt was not answered and would hit the next cell";
        return out;
    }
    auto const beat = liveness_.on_timer(now);
    if (beat.ping) {
        out.send.push_back({channel::heartbeat, {frame{*beat.ping}}});
    }
    if (beat.dead && execution_) {
        take(execution_->stop(end_cause::unreachable), out);
    }
    release_held(now, out);
    return out;
}

std::optional<steady_time> kernel_state::next_deadline() const noexcept {
    std::optional<steady_time> soonest;
    auto const consider = [&](std::optional<steady_time> at) {
        soonest = soonest && at ? std::min(*soonest, *at) : (at ? at : soonest);
    };
    consider(readiness_ ? readiness_->next_deadline() : std::nullopt);
    consider(execution_ ? execution_->next_deadline() : std::nullopt);
    consider(interruption_.next_deadline());
    consider(liveness_.next_deadline());
    return soonest;
}

kernel_step kernel_state::interrupt(steady_time now) {
    kernel_step out;
    interrupt_held_ = held_;
    bool const busy = execution_ ? !held_ : readiness_.has_value();
    if (busy && !over_) {
        take(interruption_.start(now), out);
    }
    return out;
}

kernel_step kernel_state::answer_input(std::string_view value, steady_time now) {
    kernel_step out;
    if (execution_) {
        take(execution_->answer_input(value, now), out);
    }
    return out;
}

kernel_step kernel_state::kernel_died() {
    return end_all(end_cause::kernel_died, client_errc::kernel_died);
}

kernel_step kernel_state::link_lost() {
    return end_all(end_cause::unreachable, client_errc::unreachable);
}

kernel_step kernel_state::end_all(end_cause ended, client_errc not_ready) {
    kernel_step out;
    over_ = true;
    if (readiness_) {
        take(readiness_->stop(not_ready), out);
    }
    if (execution_) {
        take(execution_->stop(ended), out);
    }
    return out;
}

kernel_step kernel_state::abandon() {
    kernel_step out;
    if (readiness_) {
        take(readiness_->stop(client_errc::abandoned), out);
    }
    if (execution_) {
        take(execution_->stop(end_cause::abandoned), out);
    }
    return out;
}

/// Turns a machine's wishes into the driver's step, and clears what has ended.
void kernel_state::take(actions made, kernel_step& out) {
    for (auto const& each : made.send) {
        out.send.push_back({each.to, encode(each.what, keys_)});
    }
    std::move(made.events.begin(), made.events.end(), std::back_inserter(out.events));
    count(made.dropped);
    if (made.ended) {
        out.ended = std::move(made.ended);
        execution_.reset();
        held_ = interrupt_held_ = false;
        liveness_.stop();
        interruption_.on_execution_ended();
    }
    if (made.ready) {
        out.ready = std::move(made.ready);
        readiness_.reset();
        interruption_.on_execution_ended();
    }
}

void kernel_state::count(drop why) noexcept {
    switch (why) {
        case drop::none:
            break;
        case drop::invalid:
            counters_.count_invalid(wire_errc::bad_content);
            break;
        case drop::foreign_parent:
            ++counters_.foreign_parent;
            break;
        case drop::late:
            ++counters_.late;
            break;
        case drop::unasked:
            ++counters_.unasked;
            break;
        case drop::surplus:
            ++counters_.surplus;
            break;
    }
}

}  // namespace kernelproto
