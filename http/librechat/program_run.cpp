// SPDX-License-Identifier: Apache-2.0
// Events of the execution are followed until there is something to tell. On the loop.
#include "http/librechat/program_run.hpp"

#include "broker/core/json_slice.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

namespace http::librechat {
namespace {

using broker::errc;
using broker::fail;

/// Calls that come so close together are told together: those of `gather` or of jobs side by side.
constexpr std::chrono::milliseconds calls_together{30};
/// However many come.
constexpr std::chrono::milliseconds told_within{300};

/// Of the official server.
constexpr std::size_t max_calls = 200;

/// What a client is told while the program runs; the end has all that the execution kept.
constexpr std::size_t kept_text_bytes = std::size_t{1} << 20;

void keep(std::string& all, std::string_view more) {
    all += more.substr(0, kept_text_bytes - std::min(all.size(), kept_text_bytes));
}

/// The sentence that clients know for an end.
std::optional<std::string> sentence_of(broker::execution const& ended) {
    if (ended.what == broker::outcome::timeout) {
        return "Time limit exceeded";
    }
    if (ended.killed_for_memory ||
        (ended.died_of && ended.died_of->kind == broker::death_kind::oom)) {
        return "Out of memory";
    }
    if (ended.exit_code == 0) {
        return std::nullopt;
    }
    return ended.exit_code ? fmt::format("Sandbox exited with code {}", *ended.exit_code)
                           : "Sandbox exited with code unknown";
}

}  // namespace

program_run::program_run(broker::service& service, std::string tenant,
                         std::vector<named_tool> tools, exec_result frame)
    : service_(service),
      tenant_(std::move(tenant)),
      tools_(std::move(tools)),
      frame_(std::move(frame)),
      token_(broker::make_random_id()),
      mark_token_(broker::make_random_id()),
      marks_(mark_token_) {}

void program_run::begin(std::shared_ptr<broker::file_run> run, std::chrono::milliseconds timeout) {
    run_ = std::move(run);
    timeout_ = timeout;
    frame_.session = run_->files();
}

void program_run::on_answered(broker::steady_time wait_until) {
    if (turn_ == turn::program) {
        turn_ = turn::client;
        waits_until_ = wait_until;
    }
}

void program_run::give_up() {
    if (std::exchange(turn_, turn::nobody) != turn::nobody) {
        service_.abandon_run(run_);
        if (events_) {
            events_->stop();
        }
    }
}

void program_run::end(std::string_view why) {
    broken_ = "Execution failed or timed out";
    stderr_ += fmt::format("kernel-broker: {}\n", why);
    service_.abandon_run(run_);
}

std::string program_run::stop(std::string_view error) {
    give_up();
    return render_program_error(frame_.session.str(), error, stdout_, stderr_);
}

broker::task<broker::result<std::string>> program_run::go_on() {
    auto const self = shared_from_this();
    if (broken_) {
        co_return stop(*broken_);  // by an answer, or while it waited
    }
    if (!events_) {
        auto events = co_await service_.read_events(run_->ticket, 0, true);
        if (!events) {
            give_up();
            co_return events.error();
        }
        events_ = *std::move(events);
    }
    deadline_ = std::chrono::steady_clock::now() + timeout_;
    std::optional<broker::steady_time> tell_at;
    broker::steady_time first_call;  // of those that wait
    for (;;) {
        auto const before = calls_;
        auto const ended = co_await read_events(tell_at ? *tell_at : deadline_);
        if (!ended) {
            give_up();
            co_return ended.error();
        }
        if (turn_ == turn::nobody || broken_) {
            co_return stop(broken_.value_or("Execution failed or timed out"));
        }
        if (*ended) {
            co_return co_await finish();
        }
        auto const now = std::chrono::steady_clock::now();
        if (tell_at && now >= *tell_at) {
            break;
        }
        if (now >= deadline_) {
            co_return stop("Time limit exceeded");
        }
        if (!waiting_.empty() && (!tell_at || calls_ > before)) {
            // Each call may bring others along, what it prints beside them does not.
            first_call = tell_at ? first_call : now;
            tell_at = std::min({deadline_, now + calls_together, first_call + told_within});
        }
    }
    if (service_.is_draining()) {
        end(broker_ends);
        co_return stop(*broken_);
    }
    std::vector<told_call> told;
    for (auto const& one : waiting_) {
        told.push_back(one.told);
    }
    auto const partial = stdout_.substr(std::min(told_bytes_, stdout_.size()));
    told_bytes_ = stdout_.size();
    co_return render_tool_calls(frame_.session.str(), token_, told, partial);
}

broker::task<broker::result<bool>> program_run::read_events(broker::steady_time until) {
    auto const got = co_await events_->next(until);
    if (!got) {
        co_return got.error();
    }
    for (auto const& one : got->events) {
        if (one.type == broker::event_type::stdout_text) {
            keep(stdout_, marks_.feed(broker::json_string_member(one.data, "text").value_or("")));
        } else if (one.type == broker::event_type::stderr_text) {
            keep(stderr_, broker::json_string_member(one.data, "text").value_or(""));
        }
    }
    if (auto const taken = co_await take_calls(); !taken) {
        co_return taken.error();
    }
    co_return got->ended;
}

broker::task<broker::result<void>> program_run::take_calls() {
    for (auto& call : marks_.take()) {
        if (turn_ == turn::nobody || std::chrono::steady_clock::now() >= deadline_) {
            co_return broker::result<void>{};
        }
        auto const tool = std::find_if(tools_.begin(), tools_.end(), [&call](auto const& one) {
            return one.callable == call.tool;
        });
        if (tool == tools_.end()) {
            broken_ = "Sandbox requested an unregistered tool: " + call.tool.substr(0, 100);
            co_return broker::result<void>{};
        }
        std::optional<std::string> refused;
        if (!parse_json_request(call.input)) {
            refused = "The argument of " + call.tool + " is not valid JSON";
        } else if (calls_ >= max_calls) {
            refused = fmt::format("A program may call tools {} times at most", max_calls);
        }
        if (refused && ++refused_ > max_calls) {
            broken_ = "Execution failed or timed out";
            co_return broker::result<void>{};
        }
        if (refused) {
            co_await answer(call.id, true, *refused);
            continue;
        }
        auto id = fmt::format("call_{:03}", ++calls_);
        waiting_.push_back(
            {std::move(call.id), {std::move(id), tool->name, std::move(call.input)}});
    }
    if (marks_.overflowed()) {
        broken_ = "Execution failed or timed out";
    }
    co_return broker::result<void>{};
}

broker::task<broker::result<void>> program_run::take_answers(std::vector<tool_answer> answers) {
    if (broken_) {
        co_return broker::result<void>{};
    }
    auto const self = shared_from_this();
    auto const find = [&answers](std::string const& id) {
        return std::find_if(answers.begin(), answers.end(),
                            [&id](auto const& one) { return one.call_id == id; });
    };
    for (auto const& call : waiting_) {
        if (find(call.told.id) == answers.end()) {
            co_return fail(errc::invalid_field, "tool_results: there is none for " + call.told.id);
        }
    }
    for (auto const& call : std::exchange(waiting_, {})) {
        auto const one = find(call.told.id);
        auto text = one->is_error ? one->error_message : one->result;
        if (one->is_error && text.empty()) {
            text = "the tool failed";
        }
        co_await answer(call.file, one->is_error, std::move(text));
    }
    co_return broker::result<void>{};
}

/// Where it cannot be handed in, the program has seen to that itself: it is told what was wrong.
broker::task<> program_run::answer(std::string file, bool failed, std::string text) {
    auto path = broker::workspace_path::from_text(fmt::format("{}/{}", answers_folder, file));
    auto const done = path ? co_await service_.hand_in(run_, *std::move(path),
                                                       fmt::format("{}\n{}", failed ? 1 : 0, text))
                           : broker::result<void>(path.error());
    if (!done) {
        broken_ = "Execution failed or timed out";
        stderr_ +=
            "kernel-broker: an answer of a tool could not be handed in: " + done.error().detail +
            '\n';
    }
}

broker::task<broker::result<std::string>> program_run::finish() {
    auto ended = co_await service_.finish_run(run_);
    turn_ = turn::nobody;
    if (!ended) {
        co_return ended.error();
    }
    call_reader all(mark_token_);
    auto& out = ended->output.stdout_text;
    out = all.feed(out);
    out += all.rest();
    auto const sentence = sentence_of(*ended);
    frame_.ended = *std::move(ended);
    frame_.figures_lost = run_->figures_lost;
    if (!sentence) {
        co_return render_exec(frame_, "completed");
    }
    auto const& text = frame_.ended;
    auto err = head_and_tail(said_at_end(frame_), frame_.max_text_bytes);
    for (auto const& note : frame_.notes) {
        err += note + '\n';
    }
    co_return render_program_error(frame_.session.str(), *sentence,
                                   head_and_tail(text.output.stdout_text, frame_.max_text_bytes),
                                   err);
}

}  // namespace http::librechat
