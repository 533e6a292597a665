// SPDX-License-Identifier: Apache-2.0
// One coroutine waiting for one value that a callback will bring.
// Never completes twice; a value that comes before the wait is kept for it. `bring_now` continues
// the coroutine on the caller's stack, which saves a turn of the loop and may destroy the caller's
// owner; `bring_later` does it from the loop. Belongs to one loop.
#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/associated_cancellation_slot.hpp>
#include <boost/asio/async_result.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/cancellation_type.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/use_awaitable.hpp>

#include <functional>
#include <memory>
#include <optional>
#include <utility>

namespace kernelproto {

template <class T>
class pending {
public:
    explicit pending(boost::asio::any_io_executor executor) : executor_(std::move(executor)) {}
    pending(pending const&) = delete;
    pending& operator=(pending const&) = delete;

    /// At most one wait at a time. `on_cancel` runs when the waiting coroutine is cancelled, and
    /// brings the value, or lets it come in its own time.
    boost::asio::awaitable<T> wait(std::function<void()> on_cancel) {
        return boost::asio::async_initiate<boost::asio::use_awaitable_t<> const, void(T)>(
            [this](auto handler, std::function<void()> cancelled) {
                auto slot = boost::asio::get_associated_cancellation_slot(handler);
                if (slot.is_connected()) {
                    slot.assign([cancelled = std::move(cancelled)](boost::asio::cancellation_type) {
                        cancelled();
                    });
                }
                waiter_ = std::make_unique<waiter_of<decltype(handler)>>(std::move(handler));
                if (early_) {
                    bring_later(*std::exchange(early_, std::nullopt));
                }
            },
            boost::asio::use_awaitable, std::move(on_cancel));
    }

    /// Drops a value that nobody waited for.
    void forget() noexcept { early_.reset(); }

    void bring_now(T value) {
        if (auto const waiting = std::move(waiter_)) {
            waiting->complete(std::move(value));
        } else {
            early_.emplace(std::move(value));
        }
    }

    void bring_later(T value) {
        if (!waiter_) {
            early_.emplace(std::move(value));
            return;
        }
        boost::asio::post(executor_,
                          [waiting = std::move(waiter_), brought = std::move(value)]() mutable {
                              waiting->complete(std::move(brought));
                          });
    }

private:
    class waiter {
    public:
        virtual ~waiter() = default;
        waiter() = default;
        waiter(waiter const&) = delete;
        waiter& operator=(waiter const&) = delete;
        virtual void complete(T value) = 0;
    };

    template <class Handler>
    class waiter_of final : public waiter {
    public:
        explicit waiter_of(Handler handler) : handler_(std::move(handler)) {}
        void complete(T value) override {
            Handler handler = std::move(handler_);
            std::move(handler)(std::move(value));
        }

    private:
        Handler handler_;
    };

    boost::asio::any_io_executor executor_;
    std::unique_ptr<waiter> waiter_;
    std::optional<T> early_;
};

}  // namespace kernelproto
