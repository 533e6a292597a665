// SPDX-License-Identifier: Apache-2.0
// One program that calls tools: it runs on between the requests of its client, and waits in its
// sandbox for answers. Never runs twice, never outlives its limits, and never answers a call that
// it did not make. On the loop; shared by the table of runs and the request that is served.
#pragma once

#include "broker/service/service.hpp"
#include "http/librechat/exec_answer.hpp"
#include "http/librechat/programmatic_request.hpp"
#include "http/librechat/tool_calls.hpp"

#include <chrono>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace http::librechat {

inline constexpr std::string_view broker_ends =
    "the broker is shutting down and has ended the program; run it again";

class program_run : public std::enable_shared_from_this<program_run> {
public:
    /// `frame` has what is known of the answer before the program runs.
    program_run(broker::service& service, std::string tenant, std::vector<named_tool> tools,
                exec_result frame);

    std::string const& tenant() const noexcept { return tenant_; }
    std::string const& token() const noexcept { return token_; }
    std::string const& mark_token() const noexcept { return mark_token_; }

    /// Goes on with a run that was sent. `timeout` is for each time that the program works.
    void begin(std::shared_ptr<broker::file_run> run, std::chrono::milliseconds timeout);

    /// Until the program waits for tools, ends, or its time is over: the JSON to answer.
    broker::task<broker::result<std::string>> go_on();

    /// For the calls that it waits for, all of them; `invalid_field` else.
    broker::task<broker::result<void>> take_answers(std::vector<tool_answer> answers);

    /// Who has to do something.
    enum class turn {
        program,  // a request for it is being served
        client,   // which has its calls, until a time
        nobody,   // it is over
    };
    turn whose_turn() const noexcept { return turn_; }
    broker::steady_time waits_until() const noexcept { return waits_until_; }

    /// Its client is back.
    void on_request() { turn_ = turn::program; }
    /// Its client has an answer; nothing if that was the last.
    void on_answered(broker::steady_time wait_until);
    void give_up();
    /// While it waits for its client, who is told with its next request.
    void end(std::string_view why);

    std::string request_id;  // of the request that is or was served last

private:
    struct waiting_call {
        std::string file;  // where the program looks for its answer
        told_call told;
    };
    /// Whether it has ended.
    broker::task<broker::result<bool>> read_events(broker::steady_time until);
    broker::task<broker::result<std::string>> finish();
    broker::task<> answer(std::string file, bool failed, std::string text);
    broker::task<broker::result<void>> take_calls();
    std::string stop(std::string_view error);

    broker::service& service_;
    std::string tenant_;
    std::vector<named_tool> tools_;
    exec_result frame_;
    std::string token_;
    std::string mark_token_;
    call_reader marks_;
    std::chrono::milliseconds timeout_{};
    std::shared_ptr<broker::file_run> run_;
    std::shared_ptr<broker::event_reader> events_;
    std::vector<waiting_call> waiting_;
    std::size_t calls_ = 0;
    std::size_t refused_ = 0;
    broker::steady_time deadline_;
    std::string stdout_;  // without marks, bounded
    std::string stderr_;
    std::size_t told_bytes_ = 0;  // of `stdout_`, to the client
    std::optional<std::string> broken_;
    turn turn_ = turn::program;
    broker::steady_time waits_until_;
};

}  // namespace http::librechat
