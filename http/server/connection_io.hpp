// SPDX-License-Identifier: Apache-2.0
// The bytes of one connection, in and out, under one deadline.
// Never grows its buffer above 64 KiB, never keeps the loop for itself while a fast peer takes all,
// and arms no timer for what is done at once: the deadline is a number that one long-lived timer
// looks at. Lives on the loop; shared with that timer's callback.
#pragma once

#include "broker/base/async.hpp"

#include <boost/asio/buffer.hpp>
#include <boost/asio/generic/stream_protocol.hpp>
#include <boost/asio/steady_timer.hpp>

#include <array>
#include <chrono>
#include <cstddef>
#include <memory>
#include <string_view>
#include <vector>

namespace http {

/// How long a peer that takes little may be waited for: a wait has `patience`, and the next one has
/// new patience only if `enough` bytes were taken since. A byte now and then renews nothing.
class slow_reader {
public:
    using time_point = std::chrono::steady_clock::time_point;
    static constexpr std::size_t enough = std::size_t{16} * 1024;

    explicit slow_reader(std::chrono::milliseconds patience) : patience_(patience) {}

    void took(std::size_t bytes) noexcept { taken_ += bytes; }
    /// When the wait that begins now has to end.
    time_point wait(time_point now) noexcept {
        if (taken_ >= enough) {
            taken_ = 0;
            until_ = now + patience_;
        }
        return until_;
    }

private:
    std::chrono::milliseconds patience_;
    std::size_t taken_ = enough;
    time_point until_;
};

class connection_io : public std::enable_shared_from_this<connection_io> {
public:
    using socket_type = boost::asio::generic::stream_protocol::socket;
    using clock = std::chrono::steady_clock;

    enum class end {
        none,       // it went on
        closed,     // the peer closed, or the connection broke
        timed_out,  // the deadline passed
        cancelled,  // `interrupt` was called, or the coroutine is being ended
    };

    static constexpr std::size_t max_buffer = std::size_t{64} * 1024;
    static constexpr std::size_t max_turn = std::size_t{1024} * 1024;

    /// `turn`: bytes that are written in one go before other connections get their turn.
    explicit connection_io(socket_type socket, std::size_t turn = max_turn);
    connection_io(connection_io const&) = delete;
    connection_io& operator=(connection_io const&) = delete;

    /// What has come and was not consumed; valid until the next `read_more` or `shrink`.
    std::string_view buffered() const noexcept { return {data_.data() + begin_, end_ - begin_}; }
    void consume(std::size_t bytes) noexcept;
    /// Gives back what a large body made the buffer grow by.
    void shrink();

    /// Waits for at least one more byte. The buffer must not be full.
    broker::task<end> read_more();
    bool full() const noexcept { return begin_ == 0 && end_ == max_buffer; }

    /// Writes all of it; `slow_reader` says how long the peer is waited for.
    broker::task<end> write(std::string_view first, std::string_view second,
                            std::chrono::milliseconds patience);

    /// Every wait from now on ends at this point of time.
    void deadline_in(std::chrono::milliseconds time) { deadline_at(clock::now() + time); }
    void no_deadline() noexcept { deadline_ = clock::time_point::max(); }

    /// Ends the wait that is going on with `cancelled`.
    void interrupt();

    socket_type& socket() noexcept { return socket_; }
    /// Stops the timer and closes the socket.
    void close();

private:
    void deadline_at(clock::time_point time);
    void watch();
    void on_timer();
    end outcome(boost::system::error_code const& ec);

    socket_type socket_;
    boost::asio::steady_timer timer_;
    clock::time_point deadline_ = clock::time_point::max();
    clock::time_point armed_ = clock::time_point::max();  // when the timer looks next
    bool timed_out_ = false;
    bool interrupted_ = false;
    std::size_t const turn_;
    std::size_t written_ = 0;  // since others had their turn
    std::vector<char> data_;
    std::size_t begin_ = 0;
    std::size_t end_ = 0;
};

}  // namespace http
