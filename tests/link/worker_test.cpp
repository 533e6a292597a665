// SPDX-License-Identifier: Apache-2.0
// Long messages are looked at on a worker. Here the worker is a loop that turns when the test says.
#include "kernelproto/wire/errc.hpp"
#include "kernelproto/wire/utf8.hpp"
#include "tests/support/kernel_stage.hpp"

using namespace kernelproto;
using namespace tests;

namespace {

constexpr std::size_t mib = std::size_t{1024} * 1024;

/// Runs `a` without waiting for it.
std::shared_ptr<std::optional<execution_end>> begin(kernel_stage& s) {
    auto end = std::make_shared<std::optional<execution_end>>();
    boost::asio::co_spawn(s.loop(), s.running("a"),
                          [end](std::exception_ptr, execution_end how) { *end = std::move(how); });
    return end;
}

}  // namespace

TEST_CASE("what comes behind a long message waits for it, and comes in order", "[link][worker]") {
    boost::asio::io_context worker;
    kernel_script what;
    what.on_code["a"] = cell({stream("before"), flood{1, 3 * mib}, stream("after")});
    what.on_code["b"] = cell({stream("other")});
    kernel_stage s{what};
    s.worker = worker.get_executor();
    s.renew();
    REQUIRE(s.ready());
    auto const end = begin(s);
    REQUIRE(s.until([&] { return s.printed() == "before"; }));

    // The loop goes on with others meanwhile.
    kernel_stage other{what};
    REQUIRE(other.ready());
    CHECK(other.execute("b").cause == end_cause::complete);
    for (int i = 0; i < 100; ++i) {
        s.loop().restart();
        s.loop().poll();
    }
    CHECK(s.printed() == "before");
    CHECK_FALSE(end->has_value());

    REQUIRE(s.until([&] {
        worker.restart();
        worker.poll();
        return end->has_value();
    }));
    CHECK((*end)->cause == end_cause::complete);
    REQUIRE(s.events.size() > 20);
    std::size_t told = 0;
    for (std::size_t i = 1; i + 1 < s.events.size(); ++i) {
        auto const& piece = std::get<stream_text>(s.events[i]);
        CHECK(piece.text.size() <= mib / 8);
        told += piece.text.size();
        CHECK(told + piece.following == 3 * mib + 2);
    }
    CHECK(told == 3 * mib + 2);
    CHECK(std::get<stream_text>(s.events.back()).text == "after");
    CHECK(s.driver->counters().received_bytes > 3 * mib);
}

TEST_CASE("a kernel that dies while its long message is looked at is heard out",
          "[link][worker][end]") {
    boost::asio::io_context worker;
    kernel_script what;
    what.on_code["a"] = {busy(), flood{1, 3 * mib}, reply_ok(), idle(), die{}};
    kernel_stage s{what};
    s.worker = worker.get_executor();
    s.renew();
    REQUIRE(s.ready());
    auto const end = begin(s);
    REQUIRE(s.until([&] { return s.driver->reading(); }));
    s.driver->kernel_died();
    auto const later = in(std::chrono::milliseconds{600});  // twice what silence is given
    REQUIRE(s.until([&] { return std::chrono::steady_clock::now() > later; }));
    CHECK_FALSE(end->has_value());
    REQUIRE(s.until([&] {
        worker.restart();
        worker.poll();
        return end->has_value();
    }));
    CHECK((*end)->cause == end_cause::complete);
    CHECK(s.printed().size() == 3 * mib + 2);
    CHECK(s.failures.empty());
}

TEST_CASE("a long text is told in pieces of whole characters, and to no other cell",
          "[link][worker]") {
    boost::asio::io_context worker;
    std::string text;
    while (text.size() < 3 * mib) {
        text += "a\xE2\x82\xAC\xF0\x9F\x98\x80";
    }
    kernel_script what;
    what.on_code["a"] = cell({stream("before"), stream(text), stream("after")});
    what.on_code["b"] = cell({stream("b")});
    kernel_stage s{what};
    s.worker = worker.get_executor();
    s.renew();
    REQUIRE(s.ready());
    auto const end = begin(s);
    REQUIRE(s.until([&] {
        worker.restart();
        worker.poll();
        return s.events.size() >= 3;
    }));
    CHECK_FALSE(end->has_value());
    SECTION("in order") {
        REQUIRE(s.until([&] { return end->has_value(); }));
        CHECK(s.printed() == "before" + text + "after");
        for (auto const& one : s.events) {
            CHECK(is_utf8(std::get<stream_text>(one).text));
        }
    }
    SECTION("given up in the middle") {
        s.driver->abandon();
        REQUIRE(s.until([&] { return end->has_value(); }));
        s.events.clear();
        CHECK(s.execute("b").cause == end_cause::complete);
        CHECK(s.printed() == "b");
    }
}

TEST_CASE("what a worker finds after the connection was closed is nobody's", "[link][worker]") {
    boost::asio::io_context worker;
    kernel_script what;
    what.on_code["a"] = cell({flood{1, 3 * mib}});
    kernel_stage s{what};
    s.worker = worker.get_executor();
    s.renew();
    REQUIRE(s.ready());
    auto const end = begin(s);
    bool done = false;
    REQUIRE(s.until([&] {
        worker.restart();
        done = done || worker.poll_one() > 0;
        return done;
    }));
    auto const heard = s.driver->counters().received;
    s.driver->close();
    REQUIRE(s.until([&] { return end->has_value(); }));
    CHECK((*end)->cause == end_cause::abandoned);
    CHECK(s.driver->counters().received == heard);
    CHECK(s.events.empty());
    CHECK(s.failures.empty());
}

TEST_CASE("a long message that is forged or broken is counted and lets the next one through",
          "[link][worker]") {
    boost::asio::io_context worker;
    say forged = std::get<say>(stream(std::string(3 * mib, 'F')));
    forged.sign = say::signature::forged;
    say broken = std::get<say>(stream(""));
    broken.content = R"({"name":"stdout","text":")" + std::string(3 * mib, 'B');
    kernel_script what;
    what.on_code["a"] = cell({forged, broken, stream("after")});
    kernel_stage s{what};
    s.worker = worker.get_executor();
    s.renew();
    REQUIRE(s.ready());
    auto const end = begin(s);
    REQUIRE(s.until([&] {
        worker.restart();
        worker.poll();
        return end->has_value();
    }));
    CHECK((*end)->cause == end_cause::complete);
    CHECK(s.printed() == "after");
    CHECK(s.driver->counters().invalid_for(wire_errc::bad_signature) == 1);
}
