// SPDX-License-Identifier: Apache-2.0
// Nudging. Never resends on shell while an adopted kernel is busy: the first nudge waits in its
// queue already. Driven by one owner, who passes `now`.
#include "kernelproto/client/readiness.hpp"

#include <algorithm>
#include <utility>

namespace kernelproto {

readiness::readiness(mode how, request_author& author, steady_time deadline,
                     readiness_timings timings)
    : mode_(how), author_(author), deadline_(deadline), timings_(timings), pause_(timings.hurry) {}

actions readiness::start(steady_time now) {
    actions out;
    nudge(now, out);
    return out;
}

bool readiness::owns(std::string_view parent_id) const noexcept {
    return std::find(nudges_.begin(), nudges_.end(), parent_id) != nudges_.end();
}

void readiness::nudge(steady_time now, actions& out) {
    auto const ask = [&](channel to) {
        out.send.push_back(write_kernel_info(author_, to, now));
        nudges_.push_back(out.send.back().what.head.msg_id);
    };
    ask(channel::shell);
    if (mode_ == mode::fresh) {
        ask(channel::control);
        next_nudge_ = now + timings_.nudge_every;
    }
}

actions readiness::on_message(channel from, message const& heard, steady_time now) {
    actions out;
    if (ended_ || !hear(from, heard, now, out)) {
        out.dropped = out.dropped == drop::none ? drop::surplus : out.dropped;
    }
    if (!ended_ && info_ && iopub_heard_) {
        ended_ = true;
        out.ready = result<kernel_info>{std::move(*info_)};
    }
    return out;
}

/// True when the message told something new.
bool readiness::hear(channel from, message const& heard, steady_time now, actions& out) {
    bool const ours = owns(heard.parent.msg_id);
    if (from == channel::iopub) {
        bool const counts = mode_ == mode::fresh || [&] {
            auto const said = ours && heard.head.msg_type == "status"
                                  ? read_status(heard.content)
                                  : result<execution_state>{execution_state::other};
            return said && *said == execution_state::idle;
        }();
        return counts && !std::exchange(iopub_heard_, true);
    }
    if (!ours || info_ || heard.head.msg_type != "kernel_info_reply" ||
        (mode_ == mode::adopted && from != channel::shell)) {
        return false;
    }
    auto info = read_kernel_info_reply(heard.content);
    if (!info) {
        out.dropped = drop::invalid;
        return false;
    }
    info_ = std::move(*info);
    // The kernel answers: what iopub said meanwhile came before the subscription was there.
    next_nudge_ = now + pause_;
    return true;
}

actions readiness::on_timer(steady_time now) {
    actions out;
    if (ended_) {
        return out;
    }
    if (now >= deadline_) {
        return stop(client_errc::timed_out);
    }
    if (next_nudge_ && now >= *next_nudge_) {
        nudge(now, out);
        if (info_) {
            pause_ = std::min(pause_ * 2, timings_.nudge_every);
            next_nudge_ = now + pause_;
        }
    }
    return out;
}

actions readiness::stop(client_errc why) {
    actions out;
    if (!std::exchange(ended_, true)) {
        out.ready = result<kernel_info>{why};
    }
    return out;
}

std::optional<steady_time> readiness::next_deadline() const noexcept {
    if (ended_) {
        return std::nullopt;
    }
    return next_nudge_ ? std::min(*next_nudge_, deadline_) : deadline_;
}

}  // namespace kernelproto
