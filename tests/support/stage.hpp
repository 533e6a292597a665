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
        boost::asio::steady_timer watchdog{loop_, std::chrono::seconds{60}};
        bool late = false;
        watchdog.async_wait([&](boost::system::error_code const& cancelled) { late = !cancelled; });
        loop_.restart();
        while (!done() && !late) {
            loop_.run_one();
        }
        bool const reached = done();
        watchdog.cancel();
        return reached;
    }

    template <class T>
    T await(boost::asio::awaitable<T> what) {
        std::optional<T> result;
        std::exception_ptr thrown;
        bool done = false;
        boost::asio::co_spawn(loop_, collect(std::move(what), result), [&](std::exception_ptr e) {
            thrown = e;
            done = true;
        });
        REQUIRE(until([&] { return done; }));
        if (thrown) {
            std::rethrow_exception(thrown);
        }
        return std::move(*result);
    }

private:
    template <class T>
    static boost::asio::awaitable<void> collect(boost::asio::awaitable<T> what,
                                                std::optional<T>& into) {
        into.emplace(co_await std::move(what));
    }

    std::string directory_;
    int fd_ = -1;
    boost::asio::io_context loop_;
};

}  // namespace tests
