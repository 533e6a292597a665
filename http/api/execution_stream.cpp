// SPDX-License-Identifier: Apache-2.0
// From events to their text. Never holds more than one batch. On the loop.
#include "http/api/execution_stream.hpp"

#include "http/proto/event_stream.hpp"

#include <chrono>
#include <cstddef>
#include <numeric>
#include <utility>
#include <vector>

namespace http::api {
namespace {

/// Proxies close a connection that is silent for a minute, some earlier.
constexpr std::chrono::seconds comment_every{15};

/// What follows an event sooner than this is sent with what follows it in turn. What a client sees
/// is as it was, and of many small events each costs both sides a part of what it did.
constexpr std::chrono::milliseconds together_within{2};

/// Half a millisecond's work; more is done on the pool.
constexpr std::size_t written_on_loop_bytes = std::size_t{512} << 10;

std::string sse_text(std::vector<broker::execution_event> const& events) {
    std::string text;
    for (auto const& one : events) {
        append_sse_event(text, one.id, to_string(one.type), one.data);
    }
    return text;
}

std::size_t bytes_of(std::vector<broker::execution_event> const& events) {
    return std::accumulate(events.begin(), events.end(), std::size_t{0},
                           [](std::size_t sum, auto const& one) { return sum + one.data.size(); });
}

}  // namespace

execution_stream::execution_stream(broker::service& service, broker::execution_ticket ticket,
                                   std::shared_ptr<broker::event_reader> events, bool leave_on_stop)
    : service_(service), events_(std::move(events)) {
    if (leave_on_stop) {
        to_leave_ = std::move(ticket);
    }
}

broker::task<std::string> execution_stream::next() {
    auto const events = events_;
    auto got = co_await events->next(std::chrono::steady_clock::now() + comment_every,
                                     told_at_ + together_within);
    told_at_ = std::chrono::steady_clock::now();
    std::string text;
    if (!got || events->stopped()) {
        co_return text;
    }
    if (bytes_of(got->events) > written_on_loop_bytes) {
        co_return co_await broker::offload(
            service_.context().pool, [all = std::move(got->events)] { return sse_text(all); });
    }
    text = sse_text(got->events);
    if (text.empty() && !got->ended && !events->log_left()) {
        append_sse_comment(text);
    }
    co_return text;
}

void execution_stream::stop() {
    events_->stop();
    if (auto const left = std::exchange(to_leave_, std::nullopt)) {
        service_.leave(*left);
    }
}

response stream_response(std::shared_ptr<execution_stream> events) {
    response answer;
    answer.headers.add("Content-Type", "text/event-stream");
    answer.headers.add("Cache-Control", "no-store, no-transform");
    answer.headers.add("X-Accel-Buffering", "no");
    answer.body = std::shared_ptr<body_source>(std::move(events));
    return answer;
}

}  // namespace http::api
