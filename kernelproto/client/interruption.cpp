// SPDX-License-Identifier: Apache-2.0
// The escalation. Any interrupt_reply counts, whatever its status: old kernels send none, and new
// ones may say "error" although the signal was sent. Driven by one owner, who passes `now`.
#include "kernelproto/client/interruption.hpp"

#include <algorithm>

namespace kernelproto {
namespace {

bool holds(std::vector<std::string> const& ids, std::string_view id) noexcept {
    return std::find(ids.begin(), ids.end(), id) != ids.end();
}

}  // namespace

interruption::interruption(request_author& author, interruption_timings timings)
    : author_(author), timings_(timings) {}

actions interruption::start(steady_time now) {
    actions out;
    if (state_ == state::quiet || state_ == state::given_up) {
        attempts_ = 0;
        ask(now, out);
    }
    return out;
}

void interruption::ask(steady_time now, actions& out) {
    ++attempts_;
    state_ = state::asked;
    unanswered_ = true;
    deadline_ = now + timings_.reply_within;
    out.send.push_back(write_interrupt(author_, now));
    asked_.push_back(out.send.back().what.head.msg_id);
}

bool interruption::owns(std::string_view parent_id) const noexcept {
    return holds(asked_, parent_id) || holds(nudges_, parent_id);
}

actions interruption::on_message(channel from, message const& heard, steady_time now) {
    actions out;
    bool const answers = from == channel::control && heard.head.msg_type == "interrupt_reply" &&
                         unanswered_ && heard.parent.msg_id == asked_.back();
    if (!answers) {
        out.dropped = drop::surplus;
        return out;
    }
    unanswered_ = false;
    if (state_ == state::settling) {
        forget();
    } else if (state_ != state::deaf) {
        state_ = state::working;
        deadline_ = now + timings_.work_within;
        out.send.push_back(write_kernel_info(author_, channel::shell, now));
        nudges_.push_back(out.send.back().what.head.msg_id);
    }
    return out;
}

actions interruption::on_timer(steady_time now) {
    actions out;
    if (!deadline_ || now < *deadline_) {
        return out;
    }
    if (state_ != state::settling && attempts_ < timings_.attempts) {
        ask(now, out);
        return out;
    }
    state_ = state_ == state::settling ? state::deaf : state::given_up;
    deadline_.reset();
    return out;
}

void interruption::on_execution_ended() noexcept {
    if (state_ == state::settling || state_ == state::deaf) {
        return;
    }
    if (unanswered_) {
        state_ = state::settling;
        deadline_.reset();
    } else {
        forget();
    }
}

void interruption::on_next_waiting(steady_time now) noexcept {
    if (state_ == state::settling && !deadline_) {
        deadline_ = now + timings_.settle_within;
    }
}

void interruption::forget() noexcept {
    state_ = state::quiet;
    deadline_.reset();
    asked_.clear();
    nudges_.clear();
}

}  // namespace kernelproto
