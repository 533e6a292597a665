// SPDX-License-Identifier: Apache-2.0
#include "kernelproto/client/liveness.hpp"

#include "tests/support/catch.hpp"

#include <set>
#include <string>

using namespace kernelproto;
using namespace std::chrono_literals;

namespace {

liveness::step tick(liveness& it, steady_time& now) {
    now = it.next_deadline().value();
    return it.on_timer(now);
}

/// Ticks at each deadline until death, at most `most` times; the time that it took.
std::optional<std::chrono::nanoseconds> time_to_death(liveness& it, steady_time now, int most) {
    auto const begin = now;
    for (int i = 0; i < most; ++i) {
        if (!it.next_deadline()) {
            return std::nullopt;
        }
        now = *it.next_deadline();
        if (it.on_timer(now).dead) {
            return now - begin;
        }
    }
    return std::nullopt;
}

}  // namespace

TEST_CASE("silence becomes dead", "[client][liveness]") {
    steady_time const now{};
    liveness it;
    it.start(now);
    CHECK(time_to_death(it, now, 100) == 35s);  // one interval, then six pings
    CHECK_FALSE(it.next_deadline());
}

TEST_CASE("a kernel that echoes every ping lives for ever", "[client][liveness]") {
    steady_time now{};
    liveness it;
    it.start(now);
    auto beat = tick(it, now);
    std::set<std::string> pings;
    for (int i = 0; i < 1000; ++i) {
        REQUIRE(beat.ping);
        REQUIRE(pings.insert(*beat.ping).second);
        REQUIRE(it.on_echo(*beat.ping));
        beat = tick(it, now);
        REQUIRE_FALSE(beat.dead);
    }
}

TEST_CASE("one echo among many misses starts the count again", "[client][liveness]") {
    steady_time now{};
    liveness it;
    it.start(now);
    auto beat = tick(it, now);
    for (int i = 0; i < 5; ++i) {
        beat = tick(it, now);
        REQUIRE_FALSE(beat.dead);
    }
    CHECK(it.on_echo(*beat.ping));
    CHECK(time_to_death(it, now, 100) == 35s);  // the answered one, then six
}

TEST_CASE("an old ping's echo is life, the same echo again is not", "[client][liveness]") {
    steady_time now{};
    liveness it;
    it.start(now);
    auto const first = tick(it, now).ping.value();
    auto const second = tick(it, now).ping.value();
    CHECK(it.on_echo(first));
    CHECK_FALSE(it.on_echo(first));
    CHECK(it.on_echo(second));
    CHECK_FALSE(it.on_echo(first));
}

TEST_CASE("what was never sent is no echo", "[client][liveness]") {
    liveness it;
    CHECK_FALSE(it.on_echo("1"));
    steady_time now{};
    it.start(now);
    CHECK_FALSE(it.on_echo("1"));
    auto const ping = tick(it, now).ping.value();
    for (auto const* text : {"", "x", "-1", "0", "2", "1 ", "99999999999999999999999"}) {
        CAPTURE(text);
        CHECK_FALSE(it.on_echo(text));
    }
    CHECK(it.on_echo(ping));
}

TEST_CASE("a loop that slept for an hour does not take its own sleep for death",
          "[client][liveness]") {
    steady_time now{};
    liveness it;
    it.start(now);
    tick(it, now);
    now += 1h;
    auto const beat = it.on_timer(now);
    CHECK_FALSE(beat.dead);
    CHECK(beat.ping);
}

TEST_CASE("no ping is sent before its time, nor after a stop", "[client][liveness]") {
    steady_time now{};
    liveness it;
    it.start(now);
    CHECK_FALSE(it.on_timer(now + 4999ms).ping);
    CHECK(it.on_timer(now + 5s).ping);
    it.stop();
    CHECK_FALSE(it.next_deadline());
    CHECK_FALSE(it.on_timer(now + 1h).ping);
    it.start(now + 1h);
    CHECK(it.on_timer(now + 1h + 5s).ping);
}

TEST_CASE("a ping that nobody answered before a stop is not held against a new start",
          "[client][liveness]") {
    steady_time now{};
    liveness it;
    for (int round = 0; round < 20; ++round) {
        it.start(now);
        REQUIRE_FALSE(tick(it, now).dead);
        it.stop();
    }
    it.start(now);
    CHECK(time_to_death(it, now, 100) == 35s);
}
