// SPDX-License-Identifier: Apache-2.0
// The rules of when an execution is over. Reply and idle come on two sockets without a mutual
// order, and each can be missing; what is missing is proven by a probe, never guessed from time
// alone. Driven by one owner, who passes `now`.
#include "kernelproto/client/execution.hpp"

#include <algorithm>
#include <utility>
#include <variant>

namespace kernelproto {
namespace {

/// Puts what was read among the events, or counts the message as invalid.
template <class T>
bool tell(result<T>&& read, actions& out) {
    if (!read) {
        out.dropped = drop::invalid;
        return false;
    }
    out.events.emplace_back(std::move(*read));
    return true;
}

void tell_output(output_content&& what, actions& out) {
    std::visit([&](auto& each) { out.events.emplace_back(std::move(each)); }, what);
    if (auto const* text = std::get_if<stream_text>(&out.events.back());
        text && text->missing > 0) {
        out.events.emplace_back(output_discarded{text->missing});
    }
}

/// ipykernel from 7.3 on, of a repr that raised: its exception is handled when the reply is
/// written.
bool says_nothing(raised const& error) {
    return error.ename == "NoneType" && error.evalue == "None";
}

bool says_idle(channel from, message const& heard) {
    if (from != channel::iopub || heard.head.msg_type != "status") {
        return false;
    }
    auto const state = read_status(heard.content);
    return state && *state == execution_state::idle;
}

}  // namespace

execution::execution(execute_request what, request_author& author, execution_timings timings)
    : what_(std::move(what)), author_(author), timings_(timings) {}

actions execution::start(steady_time now) {
    actions out;
    if (state_ == state::unsent) {
        state_ = state::running;
        out.send.push_back(write_execute(author_, what_, now));
        id_ = out.send.back().what.head.msg_id;
    }
    return out;
}

actions execution::follow(std::string id, steady_time now) {
    actions out;
    if (state_ == state::unsent) {
        state_ = state::awaiting_shell;
        followed_ = true;
        author_.take_over(id);
        id_ = std::move(id);
        send_probe(channel::shell, now, out);
    }
    return out;
}

bool execution::owns(std::string_view parent_id) const noexcept {
    return !parent_id.empty() &&
           (parent_id == id_ || std::any_of(probes_.begin(), probes_.end(), [&](probe const& each) {
                return each.id == parent_id;
            }));
}

actions execution::on_message(channel from, message heard, steady_time now) {
    actions out;
    if (ended()) {
        out.dropped =
            from == channel::iopub && is_output(heard.head.msg_type) ? drop::late : drop::surplus;
        return out;
    }
    if (heard.parent.msg_id == id_) {
        on_own(from, heard, now, out);
        return out;
    }
    out.dropped = drop::surplus;
    for (auto const& each : probes_) {
        if (each.id == heard.parent.msg_id) {
            probe const copy = each;
            on_probe(copy, from, heard, now, out);
            break;
        }
    }
    return out;
}

void execution::on_own(channel from, message& heard, steady_time now, actions& out) {
    if (from == channel::iopub) {
        put_off_mute(now);
        on_output(heard, now, out);
    } else if (from == channel::shell && heard.head.msg_type == "execute_reply") {
        on_reply(heard, now, out);
    } else if (from == channel::stdin_channel && heard.head.msg_type == "input_request") {
        on_input_request(heard, out);
    } else {
        out.dropped = drop::surplus;
    }
}

void execution::on_output(message& heard, steady_time now, actions& out) {
    auto const& type = heard.head.msg_type;
    if (!is_output(type)) {
        on_status(heard, now, out);
        return;
    }
    auto read = heard.output ? std::move(*heard.output) : read_output(type, heard.content);
    if (read) {
        if (auto const* error = std::get_if<raised>(&*read)) {
            raised_ = *error;
        }
        tell_output(std::move(*read), out);
    } else if (auto const size = heard.content.size(); size > max_content_bytes) {
        out.events.emplace_back(output_discarded{size});
    } else {
        out.dropped = drop::invalid;
    }
}

void execution::on_status(message const& heard, steady_time now, actions& out) {
    auto const& type = heard.head.msg_type;
    if (type == "execute_input" && !started_) {
        started_ = tell(read_execute_input(heard.content), out);
    } else if (type != "status") {
        out.dropped = drop::surplus;
    } else if (auto const said = read_status(heard.content); !said) {
        out.dropped = drop::invalid;
    } else if (*said == execution_state::idle) {
        on_idle(heard, now, out);
    }
}

void execution::on_input_request(message const& heard, actions& out) {
    // Nobody asked a kernel to ask when stdin is not allowed, and it asks one thing at a time.
    if (!what_.allow_stdin || input_request_) {
        out.dropped = drop::surplus;
    } else if (tell(read_input_request(heard.content), out)) {
        input_request_ = heard.head;
    }
}

void execution::on_reply(message const& heard, steady_time now, actions& out) {
    if (reply_) {
        out.dropped = drop::surplus;
        return;
    }
    auto read = read_execute_reply(heard.content);
    if (!read) {
        out.dropped = drop::invalid;
        return;
    }
    reply_ = std::move(*read);
    reply_date_ = date_microseconds(heard.head.date);
    if (idle_counts()) {
        finish(end_cause::complete, out);
        return;
    }
    state_ = state::reply_only;
    deadline_ = now + timings_.grace;
    if (idle_heard_) {
        on_reply_without_counting_idle(now, out);
    }
}

void execution::on_idle(message const& heard, steady_time now, actions& out) {
    idle_heard_ = true;
    idle_after_reply_ = reply_.has_value();
    auto const date = date_microseconds(heard.head.date);
    idle_date_ = idle_date_ && date ? std::max(*idle_date_, *date) : date;
    if (idle_counts()) {
        finish(end_cause::complete, out);
    } else if (reply_) {
        on_reply_without_counting_idle(now, out);
    } else if (state_ == state::running) {
        state_ = state::idle_only;
        deadline_ = now + timings_.grace;
    }
}

/// Both halves are here but the idle is older than the reply: a forked child's, or a kernel with
/// an order of its own. Shell is free now, so a probe there tells at once.
void execution::on_reply_without_counting_idle(steady_time now, actions& out) {
    if (!shell_probed()) {
        send_probe(channel::shell, now, out);
    }
}

bool execution::idle_counts() const noexcept {
    if (!reply_ || !idle_heard_) {
        return false;
    }
    return reply_date_ && idle_date_ ? *idle_date_ >= *reply_date_ : idle_after_reply_;
}

void execution::on_probe(probe const& which, channel from, message const& heard, steady_time now,
                         actions& out) {
    bool const idle = says_idle(from, heard);
    if (reply_ && idle) {
        // Whatever iopub had to say about the cell came before this. An idle that did not count may
        // be a forked child's, so ours was lost, and what else was is not known.
        finish(end_cause::reply_without_idle, out);
    } else if (!reply_ && which.to == channel::shell && from == channel::shell) {
        // Replies on one socket keep their order: ours was skipped, or sent while nobody was there.
        finish(followed_ ? end_cause::ended_unheard : end_cause::idle_without_reply, out);
    } else if (!reply_ && which.to == channel::shell && idle) {
        deadline_ = now + timings_.grace;
    } else {
        return;
    }
    out.dropped = drop::none;
}

actions execution::on_timer(steady_time now) {
    actions out;
    if (!deadline_ || now < *deadline_) {
        return out;
    }
    switch (state_) {
        case state::idle_only:
            state_ = state::awaiting_shell;
            deadline_.reset();
            if (!shell_probed()) {
                send_probe(channel::shell, now, out);
            }
            break;
        case state::reply_only:
            state_ = state::awaiting_iopub;
            first_probe_ = now;
            mute_at_ = now + timings_.mute_after;
            deadline_ = now + timings_.probe_every;
            send_probe(channel::control, now, out);
            break;
        case state::awaiting_iopub:
            if (now >= mute_at_) {
                finish(end_cause::unreachable, out);
            } else {
                deadline_ = std::min(now + timings_.probe_every, mute_at_);
                send_probe(channel::control, now, out);
            }
            break;
        case state::awaiting_shell:
            finish(end_cause::unreachable, out);
            break;
        case state::unsent:
        case state::running:
        case state::ended:
            deadline_.reset();
            break;
    }
    return out;
}

void execution::put_off_mute(steady_time now) noexcept {
    if (state_ == state::awaiting_iopub) {
        mute_at_ = std::min(now + timings_.mute_after, first_probe_ + timings_.mute_at_most);
    }
}

void execution::send_probe(channel to, steady_time now, actions& out) {
    out.send.push_back(write_kernel_info(author_, to, now));
    probes_.push_back({out.send.back().what.head.msg_id, to});
}

bool execution::shell_probed() const noexcept {
    return std::any_of(probes_.begin(), probes_.end(),
                       [](probe const& each) { return each.to == channel::shell; });
}

actions execution::answer_input(std::string_view value, steady_time now) {
    actions out;
    if (!ended() && input_request_) {
        out.send.push_back(write_input_reply(author_, *input_request_, value, now));
        input_request_.reset();
    }
    return out;
}

actions execution::stop(end_cause why) {
    actions out;
    if (!ended()) {
        finish(why, out);
    }
    return out;
}

std::optional<steady_time> execution::next_deadline() const noexcept { return deadline_; }

void execution::finish(end_cause why, actions& out) {
    state_ = state::ended;
    deadline_.reset();
    if (reply_ && reply_->error && !raised_) {
        out.events.emplace_back(*reply_->error);
    }
    if (reply_ && reply_->error && raised_ && says_nothing(*reply_->error)) {
        reply_->error = raised_;
    }
    if (reply_ && reply_->what == execute_reply::status::ok && raised_) {
        // Before ipykernel 7.3 a failing repr is told on iopub only.
        reply_->what = execute_reply::status::error;
        reply_->error = raised_;
    }
    out.ended = execution_end{why, std::move(reply_)};
}

}  // namespace kernelproto
