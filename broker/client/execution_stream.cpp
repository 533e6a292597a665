// SPDX-License-Identifier: Apache-2.0
// The states of a stream that may break: first, waiting, open, ended, failed.
// Never gives an event out whose number it gave out before. One thread.
#include "broker/client/execution_stream.hpp"

#include "broker/base/ids.hpp"

#include <fmt/format.h>
#include <poll.h>

#include <algorithm>
#include <charconv>
#include <utility>

namespace broker::client {
namespace {

using namespace std::chrono_literals;

// An output of 16 MiB may take six times as much as JSON.
constexpr std::size_t max_event_bytes = 128UL * 1024 * 1024;
constexpr std::size_t max_refusal_bytes = 64UL * 1024;
constexpr auto connect_time = 10s;
// The server sends a comment every 15 s: whoever is silent for this long is gone.
constexpr auto silence = 60s;

std::uint64_t number_of(std::string_view id) {
    std::uint64_t value = 0;
    auto const [end, error] = std::from_chars(id.data(), id.data() + id.size(), value);
    return error == std::errc{} && end == id.data() + id.size() ? value : 0;
}

/// Only an id in its known form is taken into paths and file names.
std::string id_of(std::string_view location) {
    auto const id = location.substr(location.rfind('/') + 1);
    return is_random_id(id) ? std::string(id) : std::string{};
}

}  // namespace

execution_stream::execution_stream(endpoint to, std::string const& session, std::string body)
    : to_(std::move(to)),
      target_("/v1/sessions/" + session + "/executions"),
      body_(std::move(body)),
      idempotency_key_(make_random_id()),
      parser_(max_event_bytes) {}

execution_stream::step execution_stream::next(wakers const& also) {
    for (;;) {
        if (!ready_.empty()) {
            step out{step_kind::event, std::move(ready_.front()), {}};
            ready_.pop_front();
            return out;
        }
        step out;
        switch (state_) {
            case state::first:
            case state::waiting:
                if (auto const end = wait_on(-1, 0, also, retry_at_); end == wait_end::signal) {
                    return {step_kind::signal, {}, {}};
                } else if (end == wait_end::input) {
                    return {step_kind::input, {}, {}};
                }
                connect(also);
                break;
            case state::open:
                read(also, out);
                if (out.kind != step_kind::ended) {
                    return out;
                }
                break;
            case state::ended:
                return {step_kind::ended, {}, {}};
            case state::failed:
                return {step_kind::failed, {}, why_};
        }
    }
}

http_request execution_stream::request() const {
    http_request out;
    out.fields.emplace_back("Accept", "text/event-stream");
    if (execution_id_.empty()) {
        out.method = "POST";
        out.target = target_;
        out.body = body_;
        out.fields.emplace_back("Idempotency-Key", idempotency_key_);
        return out;
    }
    out.method = "GET";
    out.target = "/v1/executions/" + execution_id_ + "/events";
    if (last_number_ > 0) {
        out.fields.emplace_back("Last-Event-ID", std::to_string(last_number_));
    }
    return out;
}

void execution_stream::connect(wakers const& also) {
    auto opened = connection::open(to_.url, also, in(connect_time));
    if (!opened) {
        bool const interrupted = wait_on(-1, 0, {also.signal, -1}, in(0ms)) == wait_end::signal;
        if (state_ == state::first && !interrupted) {
            on_failure("no broker answers at " + opened.error().detail);
        } else if (!interrupted) {
            on_lost("no broker answers at " + opened.error().detail);
        }
        return;
    }
    sent_ = true;
    has_head_ = false;
    events_ = false;
    refusal_.clear();
    response_ =
        std::make_unique<response_parser>([this](std::string_view piece) { on_body(piece); });
    connection_ = *std::move(opened);
    silent_at_ = in(silence);
    state_ = state::open;
    if (auto sent = connection_->send(request_bytes(to_, request()), also, in(silence)); !sent) {
        on_lost(sent.error().detail);
    }
}

void execution_stream::read(wakers const& also, step& out) {
    switch (connection_->receive(buffer_, also, silent_at_)) {
        case connection::received::bytes:
            silent_at_ = in(silence);
            on_bytes(buffer_);
            break;
        case connection::received::signal:
            out.kind = step_kind::signal;
            break;
        case connection::received::input:
            out.kind = step_kind::input;
            break;
        case connection::received::closed:
            if (response_->on_end() && response_->has_head() && !events_) {
                on_refusal_end();
            } else {
                on_lost("the connection was closed");
            }
            break;
        case connection::received::timed_out:
            on_lost("the server has said nothing for a minute");
            break;
    }
}

void execution_stream::on_bytes(std::string_view bytes) {
    bool const good = response_->on_bytes(bytes);
    if (state_ != state::open) {
        return;
    }
    if (!good) {
        on_failure("what answers there does not speak HTTP as a broker does");
        return;
    }
    if (!has_head_ && response_->has_head()) {
        on_head();
    }
    if (state_ != state::open || !response_->done()) {
        return;
    }
    if (events_) {
        on_lost("the events ended before the execution");
    } else {
        on_refusal_end();
    }
}

void execution_stream::on_head() {
    auto const& head = response_->head();
    has_head_ = true;
    events_ = head.status == 200 && head.content_type.starts_with("text/event-stream");
    if (events_ && execution_id_.empty()) {
        execution_id_ = id_of(head.location);
        if (execution_id_.empty()) {
            on_failure("the server's answer does not name the execution");
        }
    }
}

void execution_stream::on_body(std::string_view piece) {
    if (!has_head_) {
        on_head();  // what follows is understood by it
    }
    if (!events_) {
        refusal_ +=
            piece.substr(0, max_refusal_bytes - std::min(max_refusal_bytes, refusal_.size()));
        return;
    }
    for (auto& event : parser_.on_bytes(piece)) {
        auto const number = number_of(event.id);
        if (state_ != state::open || (number != 0 && number <= last_number_)) {
            continue;
        }
        last_number_ = std::max(last_number_, number);
        pauses_.on_success();
        if (event.type == "end") {
            state_ = state::ended;
        }
        ready_.push_back(std::move(event));
    }
    if (parser_.too_large()) {
        on_failure("the server sent an event of more than 128 MiB");
    }
}

void execution_stream::on_refusal_end() {
    http_response const refused{response_->head().status, refusal_};
    // A broker that restarts, or a proxy in front of it, may know the execution later.
    if (!execution_id_.empty() && (refused.status >= 500 || refused.status == 429)) {
        on_lost(refusal_text(refused));
    } else if (refused.status == 200) {
        on_failure("the server does not stream events");
    } else {
        on_failure(refusal_text(refused));
    }
}

void execution_stream::on_lost(std::string why) {
    connection_.reset();
    parser_.on_end();
    auto const pause = pauses_.next();
    if (!pause) {
        on_failure(std::move(why));
        return;
    }
    state_ = state::waiting;
    retry_at_ = in(*pause);
}

void execution_stream::on_failure(std::string why) {
    connection_.reset();
    state_ = state::failed;
    why_ = std::move(why);
}

}  // namespace broker::client
