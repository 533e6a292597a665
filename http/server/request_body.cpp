// SPDX-License-Identifier: Apache-2.0
// Pulling of request bodies. Never goes on after a failure: the same one is given again.
// One coroutine at a time.
#include "http/server/request_body.hpp"

#include <boost/asio/error.hpp>

namespace http {
namespace {

constexpr std::uint64_t most_to_skip = std::uint64_t{64} * 1024;
/// Chunk headers with extensions and trailers must fit into this; a body does not need to.
constexpr std::size_t longest_framing = std::size_t{16} * 1024;

}  // namespace

request_body::outcome request_body::fail(body_error why) {
    if (failed_ == nullptr) {
        error_ = why;
        failed_ = &error_;
    }
    return error_;
}

/// Waits for more bytes; false after `fail`.
broker::task<bool> request_body::fill() {
    if (io_.buffered().size() >= longest_framing || io_.full()) {
        fail(body_error::broken);  // framing without an end: a body would have been handed out
        co_return false;
    }
    if (awaits_continue_) {
        awaits_continue_ = false;
        auto const sent = co_await io_.write("HTTP/1.1 100 Continue\r\n\r\n", {}, patience_);
        if (sent != connection_io::end::none) {
            fail(body_error::broken);
            co_return false;
        }
    }
    io_.deadline_in(patience_);
    auto const read = co_await io_.read_more();
    io_.no_deadline();
    if (read != connection_io::end::none) {
        fail(read == connection_io::end::timed_out ? body_error::timeout : body_error::broken);
        co_return false;
    }
    co_return true;
}

broker::task<request_body::outcome> request_body::next() {
    if (failed_ != nullptr) {
        co_return *failed_;
    }
    if (parser_.length().value_or(0) > limit_) {
        co_return fail(body_error::too_large);
    }
    io_.consume(std::exchange(pending_, 0));
    while (!parser_.done()) {
        if (io_.buffered().empty() && !co_await fill()) {
            co_return *failed_;
        }
        auto const step = parser_.body(io_.buffered());
        if (step.broken) {
            co_return fail(body_error::broken);
        }
        if (!step.piece.empty()) {
            seen_ += step.piece.size();
            if (seen_ > limit_) {
                co_return fail(body_error::too_large);
            }
            pending_ = step.consumed;
            co_return step.piece;
        }
        io_.consume(step.consumed);
        if (step.need_more && !co_await fill()) {
            co_return *failed_;
        }
    }
    co_return std::string_view{};
}

bool request_body::can_skip() const {
    return failed_ == nullptr && !awaits_continue_ &&
           (parser_.done() || (parser_.length() && *parser_.length() <= most_to_skip));
}

broker::task<bool> request_body::skip() {
    limit_ = most_to_skip;
    io_.consume(std::exchange(pending_, 0));
    while (!parser_.done()) {
        auto const piece = co_await next();
        if (!piece) {
            co_return false;
        }
    }
    io_.consume(std::exchange(pending_, 0));
    co_return true;
}

}  // namespace http
