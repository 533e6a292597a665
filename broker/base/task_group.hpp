// SPDX-License-Identifier: Apache-2.0
// Every long-lived coroutine belongs to one of these, so that shutdown can wait for all of them.
// Never drops an exception silently: it goes to the group's handler. Lives on the loop and outlives
// the coroutines spawned into it.
#pragma once

#include "broker/base/async.hpp"
#include "broker/base/async_event.hpp"

#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/cancellation_signal.hpp>

#include <cstddef>
#include <exception>
#include <functional>
#include <list>
#include <memory>
#include <utility>

namespace broker {

class task_group {
public:
    using failure_handler = std::function<void(std::exception_ptr)>;

    task_group(boost::asio::any_io_executor executor, failure_handler on_exception)
        : executor_(std::move(executor)), on_exception_(std::move(on_exception)) {}
    task_group(task_group const&) = delete;
    task_group& operator=(task_group const&) = delete;

    std::size_t size() const noexcept { return running_.size(); }

    /// Starts `work` now. It takes what it needs by value: nothing else keeps its arguments alive.
    void spawn(task<> work) {
        auto const entry = running_.emplace(running_.end());
        boost::asio::co_spawn(executor_, std::move(work),
                              boost::asio::bind_cancellation_slot(
                                  entry->slot(), [this, entry](std::exception_ptr thrown) {
                                      running_.erase(entry);
                                      report(thrown);
                                      if (running_.empty() && empty_) {
                                          empty_->raise();
                                      }
                                  }));
    }

    /// Asks every coroutine to end at its next wait.
    void cancel() {
        for (auto& signal : running_) {
            signal.emit(boost::asio::cancellation_type::terminal);
        }
    }

    /// Returns when no coroutine of the group runs any more.
    task<> join() {
        while (!running_.empty()) {
            auto const empty = std::make_shared<async_event>(executor_);
            empty_ = empty;
            co_await empty->wait();
        }
    }

private:
    /// A coroutine that was cancelled ends by `operation_aborted`: that is what was asked for.
    void report(std::exception_ptr const& thrown) const {
        if (!thrown || !on_exception_) {
            return;
        }
        try {
            std::rethrow_exception(thrown);
        } catch (boost::system::system_error const& error) {
            if (error.code() != boost::asio::error::operation_aborted) {
                on_exception_(thrown);
            }
        } catch (...) {
            on_exception_(thrown);
        }
    }

    boost::asio::any_io_executor executor_;
    failure_handler on_exception_;
    std::list<boost::asio::cancellation_signal> running_;
    std::shared_ptr<async_event> empty_;
};

}  // namespace broker
