// SPDX-License-Identifier: Apache-2.0
// One wait for everything: the stream, signals, answers. Never two requests at once. One thread.
#include "broker/daemon/execution_watch.hpp"

#include "broker/base/json_text.hpp"

#include <fmt/format.h>

#include <csignal>
#include <utility>

namespace broker {
namespace {

using namespace std::chrono_literals;
using step_kind = client::execution_stream::step_kind;

constexpr auto request_time = 10s;
/// Whoever leaves does not want to wait for the server.
constexpr auto parting_time = 3s;

}  // namespace

execution_watch::execution_watch(client::endpoint const& to, std::string const& session,
                                 std::string body, client_signals& signals, answer_source& answers,
                                 handlers const& told)
    : to_(to),
      stream_(to, session, std::move(body)),
      signals_(signals),
      answers_(answers),
      told_(told) {}

execution_watch::outcome execution_watch::run() {
    for (;;) {
        if (std::exchange(asked_, false)) {
            take_answer();
        }
        if (interrupt_wanted_) {
            send_interrupt(false);
        }
        auto const step = stream_.next({signals_.fd(), answers_.fd()});
        switch (step.kind) {
            case step_kind::event:
                // Others may print while the code waits; these say that it waits no longer.
                if (step.event.type == "error" || step.event.type == "end") {
                    answers_.stop();
                }
                told_.on_event(step.event);
                break;
            case step_kind::signal:
                if (int const signal = signals_.take(); leaves_at(signal)) {
                    send_interrupt(true);
                    return {how::left, signal, {}};
                }
                break;
            case step_kind::input:
                take_answer();
                break;
            case step_kind::ended:
                return {how::ended, 0, {}};
            case step_kind::failed:
                return {how::failed, 0, step.detail};
        }
    }
}

/// The first Ctrl-C is for the code. What else comes is for this program.
bool execution_watch::leaves_at(int signal) {
    if (signal == 0) {
        return false;
    }
    answers_.stop();
    return signal != SIGINT || std::exchange(interrupt_wanted_, true);
}

void execution_watch::send_interrupt(bool at_once) {
    if (execution_id().empty() || interrupt_sent_) {
        return;
    }
    interrupt_sent_ = true;
    client::http_request const request{
        "POST", "/v1/executions/" + execution_id() + "/interrupt", {}, {}};
    client::wakers const also{at_once ? -1 : signals_.fd(), -1};
    auto const answer = client::call(to_, request, also, at_once ? parting_time : request_time);
    // 409: it has ended, and the event that says so is on its way.
    if (!answer) {
        told_.on_note("the interrupt may not have been heard: " + answer.error().detail);
    } else if (answer->status >= 400 && answer->status != 409) {
        told_.on_note("the interrupt was refused: " + client::refusal_text(*answer));
    }
}

void execution_watch::ask(bool secret) {
    answers_.ask(secret);
    asked_ = true;
}

void execution_watch::take_answer() {
    bool ended = false;
    if (auto const line = answers_.next(ended)) {
        send_answer(*line);
    } else if (ended) {
        told_.on_note("there is no more input: the code is interrupted");
        interrupt_wanted_ = true;
    }
}

void execution_watch::send_answer(std::string_view line) {
    std::string body;
    json_object value{body};
    value.string("value", line).close();
    auto const answer =
        client::call(to_, {"POST", "/v1/executions/" + execution_id() + "/input", body, {}},
                     {signals_.fd(), -1}, request_time);
    // 409: nobody waits for it any more, and the events tell why.
    if (!answer) {
        told_.on_note("the input may not have arrived: " + answer.error().detail);
    } else if (answer->status >= 400 && answer->status != 409) {
        told_.on_note("the input was refused: " + client::refusal_text(*answer));
    }
}

}  // namespace broker
