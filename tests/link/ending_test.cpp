// SPDX-License-Identifier: Apache-2.0
#include "tests/support/kernel_stage.hpp"

#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/post.hpp>

using namespace kernelproto;
using namespace tests;

namespace {

kernel_script only(std::string const& code, script steps) {
    kernel_script what;
    what.on_code[code] = std::move(steps);
    return what;
}

/// Runs `code` without waiting for it.
std::shared_ptr<std::optional<execution_end>> begin(kernel_stage& s, std::string code) {
    auto end = std::make_shared<std::optional<execution_end>>();
    boost::asio::co_spawn(s.loop(), s.running(std::move(code)),
                          [end](std::exception_ptr, execution_end how) { *end = std::move(how); });
    return end;
}

std::shared_ptr<std::optional<result<kernel_info>>> begin_ready(kernel_stage& s) {
    auto info = std::make_shared<std::optional<result<kernel_info>>>();
    boost::asio::co_spawn(
        s.loop(),
        kernel_driver::become_usable(s.driver, readiness::mode::fresh,
                                     in(std::chrono::seconds{20})),
        [info](std::exception_ptr, result<kernel_info> how) { *info = std::move(how); });
    return info;
}

}  // namespace

TEST_CASE("what a kernel said before it died is told before its end", "[link][end]") {
    script steps{busy(), hold{}, flood{2000}, die{}};
    kernel_stage s{only("a", steps)};
    REQUIRE(s.ready());
    auto const end = begin(s, "a");
    REQUIRE(s.until([&] { return s.kernel->executes() == 1; }));
    s.kernel->go();
    s.driver->kernel_died();  // whoever watches it is faster than its sockets
    REQUIRE(s.until([&] { return end->has_value(); }));
    CHECK((*end)->cause == end_cause::kernel_died);
    CHECK(s.printed_flood(2000));
    CHECK(s.failures.empty());
}

TEST_CASE("a reply that a kernel sent just before it died ends its cell", "[link][end]") {
    kernel_stage s{only("a", {busy(), hold{}, stream("x"), reply_ok(), idle(), die{}})};
    REQUIRE(s.ready());
    auto const end = begin(s, "a");
    REQUIRE(s.until([&] { return s.kernel->executes() == 1; }));
    s.kernel->go();
    s.kernel.reset();  // the loop stands still while the kernel speaks and dies
    s.driver->kernel_died();
    REQUIRE(s.until([&] { return end->has_value(); }));
    CHECK((*end)->cause == end_cause::complete);
    CHECK((*end)->reply.has_value());
    CHECK(s.printed() == "x");
    CHECK(s.failures.empty());
}

TEST_CASE("connections that end before the process is reported dead are no failure",
          "[link][end]") {
    kernel_stage s{only("a", {busy(), stream("x"), die{}})};
    REQUIRE(s.ready());
    auto const end = begin(s, "a");
    REQUIRE(s.until([&] { return s.printed() == "x"; }));
    auto const later = in(std::chrono::milliseconds{150});
    REQUIRE(s.until([&] { return std::chrono::steady_clock::now() > later; }));
    CHECK_FALSE(end->has_value());
    s.driver->kernel_died();
    REQUIRE(s.until([&] { return end->has_value(); }));
    CHECK((*end)->cause == end_cause::kernel_died);
    CHECK(s.failures.empty());
}

TEST_CASE("connections that end while the process lives are a failure, told once", "[link][end]") {
    kernel_stage s{only("a", {busy(), stream("x"), die{}})};
    REQUIRE(s.ready());
    CHECK(s.execute("a").cause == end_cause::unreachable);
    CHECK(s.printed() == "x");
    REQUIRE(s.failures.size() == 1);
    CHECK(s.failures[0].first == link_failure::lost);
    CHECK(s.execute("a").cause == end_cause::unreachable);
    CHECK(s.failures.size() == 1);
}

TEST_CASE("the loss of any single connection is noticed", "[link][end]") {
    auto const which = GENERATE(channel::shell, channel::iopub, channel::control,
                                channel::stdin_channel, channel::heartbeat);
    kernel_stage s{only("a", {busy(), close_channel{which}})};
    REQUIRE(s.ready());
    CHECK(s.execute("a").cause == end_cause::unreachable);
    REQUIRE(s.failures.size() == 1);
    CHECK(s.failures[0].first == link_failure::lost);
    CHECK(s.failures[0].second.find("connections ended") == 0);
}

TEST_CASE("a dead kernel whose sockets a child holds open does not keep its cell waiting",
          "[link][end]") {
    kernel_stage s{only("a", {busy(), stream("x")})};
    REQUIRE(s.ready());
    s.on_event = [&] {
        s.driver->kernel_died();
    };
    CHECK(s.execute("a").cause == end_cause::kernel_died);
    CHECK(s.failures.empty());
}

TEST_CASE("a kernel that dies before its sockets exist is not waited for", "[link][end]") {
    kernel_stage s;
    s.kernel.reset();
    std::filesystem::remove(s.path(1));
    auto const info = begin_ready(s);
    s.loop().restart();
    s.loop().poll();
    CHECK_FALSE(info->has_value());
    s.driver->kernel_died();
    REQUIRE(s.until([&] { return info->has_value(); }));
    CHECK((*info)->error() == client_errc::kernel_died);
    CHECK(s.ready().error() == client_errc::kernel_died);
}

TEST_CASE("sockets that appear one after another are waited for", "[link][ready]") {
    kernel_stage s;
    for (int n = 1; n <= 5; ++n) {
        std::filesystem::rename(s.path(n), s.path(n) + ".later");
    }
    auto const info = begin_ready(s);
    for (int n : {4, 2, 5, 3, 1}) {
        s.loop().restart();
        s.loop().poll();
        CHECK_FALSE(info->has_value());
        std::filesystem::rename(s.path(n) + ".later", s.path(n));
    }
    REQUIRE(s.until([&] { return info->has_value(); }));
    CHECK(info->value().has_value());
}

TEST_CASE("a socket that is bound and not listened on yet is waited for", "[link][ready]") {
    kernel_stage s;
    s.kernel.reset();  // leaves its socket files behind, with nobody behind them
    CHECK(s.ready(std::chrono::milliseconds{50}).error() == client_errc::timed_out);
    CHECK(s.failures.empty());
    auto const info = begin_ready(s);
    s.loop().restart();
    s.loop().poll();
    s.kernel.emplace(s.directory(), test_key, kernel_script{});
    REQUIRE(s.until([&] { return info->has_value(); }));
    CHECK(info->value().has_value());
}

TEST_CASE("a kernel that never answers is not ready at its deadline", "[link][ready]") {
    kernel_script what;
    what.mute = true;
    kernel_stage s{what};
    CHECK(s.ready(std::chrono::milliseconds{100}).error() == client_errc::timed_out);
}

TEST_CASE("closing ends whatever is awaited and calls nobody back", "[link][close]") {
    SECTION("while sockets are missing") {
        kernel_stage s;
        std::filesystem::remove(s.path(3));
        auto const info = begin_ready(s);
        s.loop().restart();
        s.loop().poll();
        s.driver->close();
        REQUIRE(s.until([&] { return info->has_value(); }));
        CHECK((*info)->error() == client_errc::abandoned);
        CHECK(s.failures.empty());
    }
    SECTION("while a kernel is nudged") {
        kernel_script what;
        what.mute = true;
        kernel_stage s{what};
        auto const info = begin_ready(s);
        s.loop().restart();
        s.loop().poll();
        s.driver->close();
        s.driver->close();
        REQUIRE(s.until([&] { return info->has_value(); }));
        CHECK((*info)->error() == client_errc::abandoned);
    }
    SECTION("while a cell floods") {
        kernel_stage s{only("a", cell({flood{5000}}))};
        REQUIRE(s.ready());
        std::size_t at_close = 0;
        s.on_event = [&] {
            if (s.events.size() == 100) {
                s.driver->close();
                at_close = s.events.size();
            }
        };
        CHECK(s.execute("a").cause == end_cause::abandoned);
        CHECK(at_close == 100);
        CHECK(s.events.size() == 100);
        CHECK(s.failures.empty());
        CHECK(s.execute("a").cause == end_cause::unreachable);
    }
    SECTION("in the failure that is being told") {
        kernel_stage s{only("a", {idle(), die{}})};
        REQUIRE(s.ready());
        s.on_failure = [&] {
            s.driver->close();
        };
        auto const cause = s.execute("a").cause;
        CHECK(cause == end_cause::unreachable);
        CHECK(s.failures.size() == 1);
    }
}

TEST_CASE("a connection may be destroyed by the coroutine that it continues", "[link][close]") {
    kernel_stage s{only("a", cell({stream("x")}))};
    auto connection =
        create_kernel_connection(s.loop(), s.options(), [](link_failure, std::string const&) {});
    bool done = false;
    auto const play =
        [](std::unique_ptr<kernel_connection> mine) -> boost::asio::awaitable<end_cause> {
        auto const info = co_await mine->ready(in(std::chrono::seconds{20}));
        if (!info) {
            co_return end_cause::unreachable;
        }
        execute_request request;
        request.code = "a";
        auto const end = co_await mine->execute(std::move(request), [](event const&) {});
        mine.reset();
        co_return end.cause;
    };
    end_cause cause = end_cause::unreachable;
    boost::asio::co_spawn(s.loop(), play(std::move(connection)),
                          [&](std::exception_ptr, end_cause how) {
                              cause = how;
                              done = true;
                          });
    REQUIRE(s.until([&] { return done; }));
    CHECK(cause == end_cause::complete);
}

TEST_CASE("a cancelled wait abandons its cell and the connection runs the next", "[link][close]") {
    kernel_script what = only("a", {busy(), stream("x")});
    what.on_code["b"] = cell({});
    kernel_stage s{what};
    REQUIRE(s.ready());
    boost::asio::cancellation_signal signal;
    bool done = false;
    boost::asio::co_spawn(
        s.loop(), s.running("a"),
        boost::asio::bind_cancellation_slot(
            signal.slot(), [&](std::exception_ptr, execution_end const&) { done = true; }));
    REQUIRE(s.until([&] { return s.printed() == "x"; }));
    signal.emit(boost::asio::cancellation_type::terminal);
    REQUIRE(s.until([&] { return done; }));
    CHECK(s.execute("b").cause == end_cause::complete);
}

TEST_CASE("a loop that is destroyed in the middle of a cell leaves nothing behind",
          "[link][close]") {
    kernel_stage s{only("a", {busy(), stream("x")})};
    boost::asio::io_context loop;
    auto connection =
        create_kernel_connection(loop, s.options(), [](link_failure, std::string const&) {});
    bool begun = false;
    auto const play = [&](kernel_connection& on) -> boost::asio::awaitable<void> {
        (void)co_await on.ready(in(std::chrono::seconds{20}));
        execute_request request;
        request.code = "a";
        (void)co_await on.execute(std::move(request), [&](event const&) { begun = true; });
    };
    boost::asio::co_spawn(loop, play(*connection), [](std::exception_ptr) {});
    while (!begun) {
        loop.run_one();
    }
    connection.reset();
}
