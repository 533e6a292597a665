// SPDX-License-Identifier: Apache-2.0
// A stage with a scripted kernel on it and a driver that talks to it.
// Never waits for real time longer than the shortened timings here. One test each.
#pragma once

#include "kernelproto/link/kernel_driver.hpp"
#include "tests/support/scripted_kernel.hpp"
#include "tests/support/stage.hpp"

#include <cstdlib>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace tests {

inline char const* const test_key = "0123456789abcdef0123456789abcdef";

/// Every test of this kind is run once with each: KB_TEST_TRANSPORT is `zmtp` or `libzmq`.
inline kernelproto::transport transport_under_test() {
    char const* const named = std::getenv("KB_TEST_TRANSPORT");
    return named && std::string{named} == "libzmq" ? kernelproto::transport::libzmq
                                                   : kernelproto::transport::zmtp;
}

inline kernelproto::steady_time in(std::chrono::milliseconds span) {
    return std::chrono::steady_clock::now() + span;
}

class kernel_stage : public stage {
public:
    using failure = std::pair<kernelproto::link_failure, std::string>;

    explicit kernel_stage(kernel_script what = {}) {
        kernel.emplace(directory(), test_key, std::move(what));
        renew();
    }
    kernel_stage(kernel_stage const&) = delete;
    kernel_stage& operator=(kernel_stage const&) = delete;
    ~kernel_stage() {
        driver->close();
        driver.reset();
        loop().restart();
        loop().poll();
    }

    kernelproto::connection_options options() const {
        kernelproto::connection_options made;
        made.carrier = carrier;
        made.key = test_key;
        made.identity = identity;
        made.socket_dir = fd();
        made.owner = ::geteuid();
        made.max_message_bytes = max_message_bytes;
        made.connect_within = connect_within;
        made.worker = worker;
        made.on_first_socket = on_first_socket;
        return made;
    }

    /// A new driver, as a broker that was started again has.
    void renew() {
        if (driver) {
            driver->close();
        }
        kernelproto::kernel_timings timings;
        timings.execution.grace = std::chrono::milliseconds{30};
        timings.execution.probe_every = std::chrono::milliseconds{30};
        timings.execution.mute_after = std::chrono::seconds{20};
        timings.interruption.reply_within = std::chrono::milliseconds{100};
        timings.interruption.work_within = std::chrono::milliseconds{100};
        timings.interruption.settle_within = settle_within;
        timings.liveness = liveness;
        driver = std::make_shared<kernelproto::kernel_driver>(
            loop(), options(),
            [this](kernelproto::link_failure why, std::string const& detail) {
                failures.emplace_back(why, detail);
                if (on_failure) {
                    on_failure();
                }
            },
            timings);
    }

    kernelproto::result<kernelproto::kernel_info> ready(
        std::chrono::milliseconds within = std::chrono::seconds{20}) {
        return await(kernelproto::kernel_driver::become_usable(
            driver, kernelproto::readiness::mode::fresh, in(within)));
    }
    kernelproto::result<kernelproto::kernel_info> adopt(
        std::chrono::milliseconds within = std::chrono::seconds{20}) {
        return await(kernelproto::kernel_driver::become_usable(
            driver, kernelproto::readiness::mode::adopted, in(within)));
    }

    boost::asio::awaitable<kernelproto::execution_end> running(std::string code,
                                                               bool allow_stdin = false) {
        kernelproto::execute_request request;
        request.code = std::move(code);
        request.allow_stdin = allow_stdin;
        request.msg_id = next_msg_id;
        return kernelproto::kernel_driver::run(driver, std::move(request), telling());
    }
    kernelproto::execution_end execute(std::string code) { return await(running(std::move(code))); }

    boost::asio::awaitable<kernelproto::execution_end> following(
        std::string msg_id, std::chrono::milliseconds within = std::chrono::seconds{20}) {
        return kernelproto::kernel_driver::follow(driver, std::move(msg_id), true, in(within),
                                                  telling());
    }

    /// Everything that was printed, in order.
    std::string printed() const {
        std::string all;
        for (auto const& each : events) {
            if (auto const* text = std::get_if<kernelproto::stream_text>(&each)) {
                all += text->text;
            }
        }
        return all;
    }

    /// True when what was printed are the messages of one `flood`, none missing, none twice.
    bool printed_flood(std::size_t count) const {
        if (events.size() != count) {
            return false;
        }
        for (std::size_t i = 0; i < count; ++i) {
            auto const* text = std::get_if<kernelproto::stream_text>(&events[i]);
            if (!text || text->text.rfind(std::to_string(i) + ":", 0) != 0) {
                return false;
            }
        }
        return true;
    }

    // Under which the next cell is sent; empty: under one of the driver's own.
    std::string next_msg_id;

    // For the next driver that `renew` makes.
    kernelproto::transport carrier = transport_under_test();
    std::string identity;
    std::size_t max_message_bytes = std::size_t{256} * 1024 * 1024;
    std::chrono::milliseconds connect_within{60000};
    std::chrono::milliseconds settle_within{60000};
    kernelproto::liveness_timings liveness;
    std::function<void()> on_first_socket;
    boost::asio::any_io_executor worker;

    std::optional<scripted_kernel> kernel;
    std::shared_ptr<kernelproto::kernel_driver> driver;
    std::vector<kernelproto::event> events;
    std::vector<failure> failures;
    std::function<void()> on_event;
    std::function<void()> on_failure;

private:
    kernelproto::kernel_connection::event_sink telling() {
        return [this](kernelproto::event each) {
            events.push_back(std::move(each));
            if (on_event) {
                on_event();
            }
        };
    }
};

}  // namespace tests
