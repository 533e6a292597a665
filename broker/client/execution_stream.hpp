// SPDX-License-Identifier: Apache-2.0
// Starts an execution and hands out its events one by one, across lost connections: each once, in
// order, none left out. Never runs the code twice: an attempt whose answer was lost is repeated
// under the same idempotency key. One owner; one thread, which it blocks.
#pragma once

#include "broker/client/http_call.hpp"
#include "broker/client/response_parser.hpp"
#include "broker/client/retry_pauses.hpp"
#include "broker/client/sse_parser.hpp"

#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <string>

namespace broker::client {

class execution_stream {
public:
    /// `body` is the JSON of POST /v1/sessions/{session}/executions. Nothing is sent before `next`.
    execution_stream(endpoint to, std::string const& session, std::string body);

    enum class step_kind {
        event,   // `event` holds it
        signal,  // the signal descriptor can be read
        input,   // the input descriptor can be read
        ended,   // the event `end` was given out before
        failed,  // `detail` says why; the execution, if it began, may go on
    };
    struct step {
        step_kind kind = step_kind::ended;
        sse_event event;
        std::string detail;
    };
    step next(wakers const& also);

    /// Empty until the server has told it.
    std::string const& execution_id() const noexcept { return execution_id_; }
    /// A server was reached: its session may exist.
    bool was_sent() const noexcept { return sent_; }

private:
    enum class state {
        first,    // nothing was sent yet: a server that cannot be reached is told at once
        waiting,  // there is no connection until `retry_at_`
        open,     // a request is out; its response is being read
        ended,    // `end` has come
        failed,   // `why_` is final
    };

    void connect(wakers const& also);
    void read(wakers const& also, step& out);
    void on_bytes(std::string_view bytes);
    void on_head();
    void on_body(std::string_view piece);
    void on_refusal_end();
    void on_lost(std::string why);
    void on_failure(std::string why);
    http_request request() const;

    endpoint to_;
    std::string target_;
    std::string body_;
    std::string idempotency_key_;
    std::string execution_id_;
    state state_ = state::first;
    std::string why_;
    bool sent_ = false;
    std::optional<connection> connection_;
    std::unique_ptr<response_parser> response_;
    bool has_head_ = false;
    bool events_ = false;  // the response is a stream of events, not a refusal
    std::string refusal_;
    deadline retry_at_;
    deadline silent_at_;
    retry_pauses pauses_;
    sse_parser parser_;
    std::uint64_t last_number_ = 0;
    std::deque<sse_event> ready_;
    std::string buffer_;
};

}  // namespace broker::client
