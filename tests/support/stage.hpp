// SPDX-License-Identifier: Apache-2.0
// Where a link test plays: an empty directory, a loop, and a watchdog that turns a hang into a
// failure. Never shared between tests, leaves nothing behind. The loop runs in the test's thread.
#pragma once

#include "tests/support/catch.hpp"

#include <boost/asio/awaitable.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <fcntl.h>
#include <unistd.h>

#include <chrono>
#include <cstdlib>
#include <exception>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <string>

namespace tests {

class stage {
public:
    stage() {
        std::string name = "/tmp/kernel-link-XXXXXX";
        REQUIRE(::mkdtemp(name.data()) != nullptr);
        directory_ = name;
        fd_ = ::open(name.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC);
        REQUIRE(fd_ >= 0);
    }
    stage(stage const&) = delete;
    stage& operator=(stage const&) = delete;
    ~stage() {
        ::close(fd_);
        std::error_code ignored;
        std::filesystem::remove_all(directory_, ignored);
    }

    std::string const& directory() const { return directory_; }
    std::string path(int number) const { return directory_ + "/k-" + std::to_string(number); }
    int fd() const { return fd_; }
    boost::asio::io_context& loop() { return loop_; }

    /// Runs the loop until `done()`; false when that takes longer than anything here may.
    bool until(std::function<bool()> const& done) {
        boost::asio::steady_timer watchdog{loop_, std::chrono::seconds{120}};
        auto const late = std::make_shared<bool>(false);
        watchdog.async_wait(
            [late](boost::system::error_code const& cancelled) { *late = !cancelled; });
        loop_.restart();
        while (!done() && !*late) {
            // What is waited for may happen in the kernel's thread, which does not wake the loop.
            loop_.run_one_for(std::chrono::milliseconds{2});
            loop_.restart();
        }
        bool const reached = done();
        watchdog.cancel();
        return reached;
    }

    template <class T>
    T await(boost::asio::awaitable<T> what) {
        struct outcome {
            std::optional<T> value;
            std::exception_ptr thrown;
            bool done = false;
        };
        auto const got = std::make_shared<outcome>();
        boost::asio::co_spawn(loop_, std::move(what), [got](std::exception_ptr e, T value) {
            got->thrown = e;
            got->value.emplace(std::move(value));
            got->done = true;
        });
        REQUIRE(until([&] { return got->done; }));
        if (got->thrown) {
            std::rethrow_exception(got->thrown);
        }
        return std::move(*got->value);
    }

private:
    std::string directory_;
    int fd_ = -1;
    boost::asio::io_context loop_;
};

}  // namespace tests
