// SPDX-License-Identifier: Apache-2.0
// Reading and writing of one connection. Never waits without someone having set a deadline or
// chosen to have none. On the loop.
#include "http/server/connection_io.hpp"

#include <boost/asio/error.hpp>
#include <boost/asio/post.hpp>

#include <algorithm>
#include <cstring>

namespace http {
namespace {

constexpr std::size_t small_buffer = std::size_t{4} * 1024;

}  // namespace

connection_io::connection_io(socket_type socket, std::size_t turn)
    : socket_(std::move(socket)), timer_(socket_.get_executor()), turn_(turn), data_(small_buffer) {
    boost::system::error_code ignored;
    socket_.non_blocking(true, ignored);
}

void connection_io::consume(std::size_t bytes) noexcept {
    begin_ += bytes;
    if (begin_ == end_) {
        begin_ = end_ = 0;
    }
}

void connection_io::shrink() {
    if (begin_ == end_ && data_.size() > small_buffer) {
        data_ = std::vector<char>(small_buffer);
    }
}

broker::task<connection_io::end> connection_io::read_more() {
    // The deadline may have passed while the last read had ended already and was not yet resumed.
    if (timed_out_ || interrupted_) {
        co_return outcome(boost::asio::error::operation_aborted);
    }
    if (begin_ > 0) {
        std::memmove(data_.data(), data_.data() + begin_, end_ - begin_);
        end_ -= begin_;
        begin_ = 0;
    }
    if (end_ == data_.size()) {
        data_.resize(std::min(data_.size() * 4, max_buffer));
    }
    auto const room = boost::asio::buffer(data_.data() + end_, data_.size() - end_);
    auto const [ec, bytes] = co_await socket_.async_read_some(room, broker::no_throw);
    end_ += bytes;
    written_ = 0;
    co_return outcome(ec);
}

broker::task<connection_io::end> connection_io::write(std::string_view first,
                                                      std::string_view second,
                                                      std::chrono::milliseconds patience) {
    slow_reader reader(patience);
    while (!first.empty() || !second.empty()) {
        if (written_ >= turn_) {
            written_ = 0;
            co_await boost::asio::post(socket_.get_executor(), broker::use_task);
        }
        std::array<boost::asio::const_buffer, 2> const parts{
            boost::asio::buffer(first.data(), first.size()),
            boost::asio::buffer(second.data(), second.size())};
        boost::system::error_code ec;
        // Most answers fit into the socket: then nothing is suspended and no timer is looked at.
        auto const bytes = socket_.write_some(parts, ec);
        if (ec == boost::asio::error::would_block) {
            deadline_at(reader.wait(clock::now()));
            auto const [waited] =
                co_await socket_.async_wait(socket_type::wait_write, broker::no_throw);
            no_deadline();
            written_ = 0;
            if (waited) {
                co_return outcome(waited);
            }
            continue;
        }
        if (ec) {
            co_return outcome(ec);
        }
        reader.took(bytes);
        written_ += bytes;
        auto const from_first = std::min(bytes, first.size());
        first.remove_prefix(from_first);
        second.remove_prefix(bytes - from_first);
    }
    co_return end::none;
}

connection_io::end connection_io::outcome(boost::system::error_code const& ec) {
    if (!ec) {
        return end::none;
    }
    if (ec != boost::asio::error::operation_aborted) {
        return end::closed;
    }
    return timed_out_ && !interrupted_ ? end::timed_out : end::cancelled;
}

void connection_io::deadline_at(clock::time_point time) {
    timed_out_ = false;
    deadline_ = time;
    if (deadline_ < armed_) {
        watch();
    }
}

void connection_io::watch() {
    armed_ = deadline_;
    timer_.expires_at(armed_);
    timer_.async_wait([weak = weak_from_this()](boost::system::error_code const& ec) {
        if (auto const self = weak.lock(); self && !ec) {
            self->on_timer();
        }
    });
}

void connection_io::on_timer() {
    armed_ = clock::time_point::max();
    if (deadline_ == clock::time_point::max()) {
        return;  // armed again by the next deadline
    }
    if (clock::now() < deadline_) {
        watch();
        return;
    }
    timed_out_ = true;
    deadline_ = clock::time_point::max();
    boost::system::error_code ignored;
    socket_.cancel(ignored);
}

void connection_io::interrupt() {
    interrupted_ = true;
    boost::system::error_code ignored;
    socket_.cancel(ignored);
}

void connection_io::close() {
    timer_.cancel();
    boost::system::error_code ignored;
    socket_.close(ignored);
}

}  // namespace http
