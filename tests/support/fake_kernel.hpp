// SPDX-License-Identifier: Apache-2.0
// A kernel connection that says what the test tells it to, when the test tells it to.
// Never answers by itself, except that it is ready at once unless it is held. On the loop.
#pragma once

#include "broker/base/async_event.hpp"
#include "kernelproto/client/errc.hpp"
#include "kernelproto/link/kernel_connection.hpp"

#include <boost/asio/any_io_executor.hpp>

#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace test {

class fake_kernel {
public:
    using failure_sink = kernelproto::kernel_connection::failure_sink;

    fake_kernel(boost::asio::any_io_executor executor, failure_sink on_failure)
        : on_failure_(std::move(on_failure)), executor_(std::move(executor)) {}

    std::vector<std::string> codes;     // that were sent to it
    std::vector<std::string> argv;      // of the last of them
    std::vector<std::string> followed;  // ids of what it was asked to hear out
    std::vector<std::string> inputs;    // that were given to it
    int interrupts = 0;
    bool held = false;  // `ready` waits for `heard`
    bool adopting = false;
    kernelproto::steady_time adopt_until;
    bool running = false;
    bool closed = false;

    /// The cell has ended.
    void reply(kernelproto::execution_end how = {kernelproto::end_cause::complete,
                                                 kernelproto::execute_reply{}}) {
        if (std::exchange(running, false)) {
            ended_.bring(std::move(how));
        }
    }
    /// It answers the nudge of whoever waits in `ready` or `adopt`.
    void heard() { usable(kernelproto::kernel_info{}); }
    void not_heard(kernelproto::client_errc why) { usable(why); }
    void fail(kernelproto::link_failure why) {
        if (auto const told = std::exchange(on_failure_, nullptr)) {
            told(why, "fake");
        }
        reply({kernelproto::end_cause::unreachable, std::nullopt});
    }

    std::unique_ptr<kernelproto::kernel_connection> connect(std::shared_ptr<fake_kernel> self) {
        return std::make_unique<face>(std::move(self));
    }

private:
    class face final : public kernelproto::kernel_connection {
    public:
        explicit face(std::shared_ptr<fake_kernel> of) : of_(std::move(of)) {}

        boost::asio::awaitable<kernelproto::result<kernelproto::kernel_info>> ready(
            kernelproto::steady_time) override {
            if (!of_->held) {
                co_return kernelproto::kernel_info{};
            }
            co_return co_await wait();
        }
        boost::asio::awaitable<kernelproto::result<kernelproto::kernel_info>> adopt(
            kernelproto::steady_time deadline) override {
            of_->adopt_until = deadline;
            co_return co_await wait();
        }
        boost::asio::awaitable<kernelproto::execution_end> execute(
            kernelproto::execute_request request, event_sink) override {
            auto const of = of_;
            of->codes.push_back(request.code);
            of->argv = std::move(request.argv);
            if (of->closed) {
                co_return kernelproto::execution_end{kernelproto::end_cause::unreachable,
                                                     std::nullopt};
            }
            of->running = true;
            co_return co_await of->ended_.wait(of->executor_);
        }
        boost::asio::awaitable<kernelproto::execution_end> follow(std::string msg_id, bool,
                                                                  kernelproto::steady_time,
                                                                  event_sink) override {
            auto const of = of_;
            of->followed.push_back(std::move(msg_id));
            of->running = true;
            co_return co_await of->ended_.wait(of->executor_);
        }
        void interrupt() override { ++of_->interrupts; }
        void answer_input(std::string value) override { of_->inputs.push_back(std::move(value)); }
        void kernel_died() override {
            of_->reply({kernelproto::end_cause::kernel_died, std::nullopt});
            of_->not_heard(kernelproto::client_errc::kernel_died);
        }
        void abandon() override { of_->abandon(); }
        kernelproto::connection_counters const& counters() const override { return counters_; }
        void close() override {
            of_->closed = true;
            of_->abandon();
        }

    private:
        boost::asio::awaitable<kernelproto::result<kernelproto::kernel_info>> wait() {
            auto const of = of_;
            of->adopting = true;
            co_return co_await of->usable_.wait(of->executor_);
        }

        std::shared_ptr<fake_kernel> of_;
        kernelproto::connection_counters counters_;
    };

    void usable(kernelproto::result<kernelproto::kernel_info> what) {
        if (std::exchange(adopting, false)) {
            usable_.bring(std::move(what));
        }
    }
    void abandon() { reply({kernelproto::end_cause::abandoned, std::nullopt}); }

    /// The waiting coroutine belongs to the loop, and goes with it.
    template <class T>
    struct brought {
        std::optional<T> value;
        std::shared_ptr<broker::async_event> there;

        boost::asio::awaitable<T> wait(boost::asio::any_io_executor executor) {
            auto const event = std::make_shared<broker::async_event>(std::move(executor));
            there = event;
            co_await event->wait();
            co_return std::move(*std::exchange(value, std::nullopt));
        }
        void bring(T what) {
            value.emplace(std::move(what));
            there->raise();
        }
    };

    failure_sink on_failure_;
    boost::asio::any_io_executor executor_;
    brought<kernelproto::result<kernelproto::kernel_info>> usable_;
    brought<kernelproto::execution_end> ended_;
};

}  // namespace test
