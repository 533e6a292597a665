// SPDX-License-Identifier: Apache-2.0
// The bytes of one connection, in and out, under one deadline.
// Never grows its buffer above 64 KiB, and arms no timer for what is done at once: the deadline is
// a number that one long-lived timer looks at. Lives on the loop; shared with that timer's
// callback.
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

    static constexpr std::size_t max_buffer = 64 * 1024;

    explicit connection_io(socket_type socket);
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

    /// Writes all of it. Each part the peer takes moves the deadline by `patience`.
    broker::task<end> write(std::string_view first, std::string_view second,
                            std::chrono::milliseconds patience);

    /// Every wait from now on ends at this point of time.
    void deadline_in(std::chrono::milliseconds time);
    void no_deadline() noexcept { deadline_ = clock::time_point::max(); }

    /// Ends the wait that is going on with `cancelled`.
    void interrupt();

    socket_type& socket() noexcept { return socket_; }
    /// Stops the timer and closes the socket.
    void close();

private:
    void watch();
    void on_timer();
    end outcome(boost::system::error_code const& ec);

    socket_type socket_;
    boost::asio::steady_timer timer_;
    clock::time_point deadline_ = clock::time_point::max();
    clock::time_point armed_ = clock::time_point::max();  // when the timer looks next
    bool timed_out_ = false;
    bool interrupted_ = false;
    std::vector<char> data_;
    std::size_t begin_ = 0;
    std::size_t end_ = 0;
};

}  // namespace http
