// SPDX-License-Identifier: Apache-2.0
// A flag that is raised once and that any number of coroutines wait for.
// Never forgets a raise that came before the wait. Lives on the loop; must outlive its waiters, who
// therefore hold whatever owns it.
#pragma once

#include "broker/base/async.hpp"

#include <boost/asio/error.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/system/system_error.hpp>

#include <chrono>
#include <vector>

namespace broker {

class async_event {
public:
    explicit async_event(boost::asio::any_io_executor executor)
        : timer_(executor, std::chrono::steady_clock::time_point::max()) {}

    void raise() {
        raised_ = true;
        timer_.cancel();
        for (auto* const other : impatient_) {
            other->timer.cancel();
        }
    }

    bool raised() const noexcept { return raised_; }

    /// Returns when raised. A waiter that is cancelled gets `operation_aborted` as an exception, as
    /// from every wait of Asio: it must not go on as if the thing had happened.
    task<> wait() {
        while (!raised_) {
            co_await timer_.async_wait(no_throw);
            auto const state = co_await boost::asio::this_coro::cancellation_state;
            if (!raised_ && state.cancelled() != boost::asio::cancellation_type::none) {
                throw boost::system::system_error(boost::asio::error::operation_aborted);
            }
        }
    }

    /// The same, or false when it is `until` and nothing was raised.
    task<bool> wait_until(std::chrono::steady_clock::time_point until) {
        if (until == std::chrono::steady_clock::time_point::max()) {
            co_await wait();
            co_return true;
        }
        impatience own(*this, until);
        if (!raised_) {
            co_await own.timer.async_wait(no_throw);
        }
        auto const state = co_await boost::asio::this_coro::cancellation_state;
        if (!raised_ && state.cancelled() != boost::asio::cancellation_type::none) {
            throw boost::system::system_error(boost::asio::error::operation_aborted);
        }
        co_return raised_;
    }

private:
    /// One who waits with a limit, as long as it waits.
    struct impatience {
        impatience(async_event& waited_for, std::chrono::steady_clock::time_point until)
            : event(waited_for), timer(waited_for.timer_.get_executor(), until) {
            event.impatient_.push_back(this);
        }
        impatience(impatience const&) = delete;
        impatience& operator=(impatience const&) = delete;
        ~impatience() { std::erase(event.impatient_, this); }

        async_event& event;
        boost::asio::steady_timer timer;
    };

    bool raised_ = false;
    std::vector<impatience*> impatient_;
    boost::asio::steady_timer timer_;
};

}  // namespace broker
