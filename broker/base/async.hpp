// SPDX-License-Identifier: Apache-2.0
// The few asynchronous forms used here, spelled so that Boost 1.81 to 1.88 accept them.
// Never a lock: the loop is one thread, and work that blocks goes to the pool by `offload`.
// Everything here runs on the loop except the function given to `offload`.
#pragma once

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/thread_pool.hpp>
#include <boost/asio/use_awaitable.hpp>

#include <optional>
#include <utility>

namespace broker {

template <class T = void>
using task = boost::asio::awaitable<T>;

inline constexpr auto use_task = boost::asio::use_awaitable;
inline constexpr auto no_throw = boost::asio::as_tuple(boost::asio::use_awaitable);

/// Runs `work` on the pool; the awaiting coroutine goes on where it was. `work` owns what it
/// touches: it may outlive the awaiting coroutine.
/// `where` is a pool, or a strand of one.
template <class Where, class Work>
auto offload(Where& where, Work work) -> task<decltype(work())> {
    using value = decltype(work());
    // Asio default-constructs what a spawned coroutine returns; not every value can be.
    // A cancellation does not reach the pool: it would come from another thread, at any moment, and
    // one that comes just behind the work ends the program (Boost 1.81, co_spawn's entry point).
    auto made = co_await boost::asio::co_spawn(
        where,
        [](Work inner) -> task<std::optional<value>> {
            co_return std::optional<value>(inner());
        }(std::move(work)),
        boost::asio::bind_cancellation_slot(boost::asio::cancellation_slot(), use_task));
    co_return std::move(*made);
}

}  // namespace broker
