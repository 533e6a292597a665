// SPDX-License-Identifier: Apache-2.0
#include "kernelproto/client/kernel_state.hpp"

#include "kernelproto/wire/codec.hpp"
#include "kernelproto/wire/errc.hpp"
#include "tests/support/catch.hpp"
#include "tests/support/script.hpp"
#include "tests/unit/kernelproto/client/kernel_bench.hpp"
#include "tests/unit/kernelproto/client/kernel_subject.hpp"

#include <string>
#include <vector>

using namespace kernelproto;
using namespace kernelproto::script;
using namespace std::chrono_literals;

namespace {

line busy() { return says(channel::iopub, "status", R"({"execution_state":"busy"})"); }
line idle() { return says(channel::iopub, "status", R"({"execution_state":"idle"})"); }
line reply() { return says(channel::shell, "execute_reply", R"({"status":"ok"})"); }

std::vector<row> const replaced{
    {"another kernel on the same sockets ends what runs",
     {"> shell execute_request"},
     {busy(),
      busy().of("nobody").by("other").then({"end kernel_replaced, no reply", "dropped foreign"})}},
    {"it may answer in the first one's name, the session tells",
     {"> shell execute_request"},
     {busy(), reply().by("other").then({"end kernel_replaced, no reply", "dropped foreign"}),
      idle().then({"dropped surplus"})}},
    {"a reply that was heard before is kept",
     {"> shell execute_request"},
     {reply(), idle().by("other").then({"end kernel_replaced, ok", "dropped foreign"})}},
    {"a message without a session says nothing about the kernel",
     {"> shell execute_request"},
     {busy(), reply().by(""), idle().then({"end complete, ok"})}},
};

std::vector<row> const unasked{
    {"messages without a parent are counted and change nothing",
     {"> shell execute_request"},
     {says(channel::iopub, "status", R"({"execution_state":"starting"})")
          .of("nobody")
          .then({"dropped unasked"}),
      idle().of("nobody").then({"dropped unasked"}),
      says(channel::iopub, "stream", R"({"name":"stderr","text":"warning"})")
          .of("nobody")
          .then({"dropped unasked"}),
      reply(), idle().then({"end complete, ok"})}},
    {"output of a cell that is long over is late, the rest about it surplus",
     {"> shell execute_request"},
     {says(channel::iopub, "stream", R"({"name":"stdout","text":"x"})")
          .of("earlier")
          .then({"dropped late"}),
      idle().of("earlier").then({"dropped surplus"}),
      reply().of("earlier").then({"dropped surplus"}), reply(), idle().then({"end complete, ok"})}},
};

machine subject(request_author& author, steady_time now) {
    return kernel_subject(author, now, {"1", false, true, false});
}

}  // namespace

TEST_CASE("a kernel that changes under us is found out", "[client][kernel_state]") {
    check_all(replaced, subject);
}

TEST_CASE("what nobody asked for is counted", "[client][kernel_state]") {
    check_all(unasked, subject);
}

TEST_CASE("a replaced kernel is told once, and nothing works any more", "[client][kernel_state]") {
    bench it;
    it.execute();
    it.hear(channel::iopub, "status", "", R"({"execution_state":"busy"})");
    outgoing other;
    other.head = {"x_1", "another", "", "", "status", "5.3"};
    auto const step = it.state.on_frames(channel::iopub, encode(other, it.keys), it.now);
    CHECK(step.unusable);
    REQUIRE(step.ended);
    CHECK(step.ended->cause == end_cause::kernel_replaced);
    CHECK_FALSE(it.state.on_frames(channel::iopub, encode(other, it.keys), it.now).unusable);
    auto const again = it.execute();
    REQUIRE(again.ended);
    CHECK(again.ended->cause == end_cause::unreachable);
    CHECK(again.send.empty());
    CHECK_FALSE(it.state.running());
}

TEST_CASE("a kernel that is replaced while it gets ready is not ready", "[client][kernel_state]") {
    bench it;
    it.note(it.state.begin_ready(it.now + 60s, it.now));
    it.hear(channel::iopub, "status", "", R"({"execution_state":"starting"})");
    outgoing other;
    other.head = {"x_1", "another", "", "", "status", "5.3"};
    auto const step = it.state.on_frames(channel::iopub, encode(other, it.keys), it.now);
    REQUIRE(step.ready);
    CHECK(step.ready->error() == client_errc::kernel_replaced);
}

TEST_CASE("frames that cannot be a message are counted and change nothing",
          "[client][kernel_state]") {
    bench it;
    it.execute();
    auto forged = it.frames("execute_reply", it.sent["execute_request"], R"({"status":"ok"})");
    forged[1] = frame{std::string(64, '0')};
    it.state.on_frames(channel::shell, forged, it.now);
    it.state.on_frames(channel::shell, {}, it.now);
    it.state.on_frames(channel::iopub, {frame{"x"}}, it.now);
    CHECK(it.state.counters().invalid == 3);
    CHECK(it.state.counters().received == 3);
    CHECK(it.state.counters().received_bytes == total_bytes(forged) + 1);
    CHECK(it.state.running());
    auto const step = it.finish();
    REQUIRE(step.ended);
    CHECK(step.ended->cause == end_cause::complete);
}

TEST_CASE("a message too large for the limits is counted", "[client][kernel_state]") {
    frame_limits limits;
    limits.max_message_bytes = 1000;
    kernel_state state("secret", limits, request_author{"ours", {}, {}});
    state.on_frames(channel::iopub, {frame{std::string(1001, 'x')}}, {});
    CHECK(state.counters().invalid == 1);
}

TEST_CASE("many cells run one after another", "[client][kernel_state]") {
    bench it;
    std::string before;
    for (int i = 0; i < 100; ++i) {
        auto const begun = it.execute();
        CHECK(count_of(begun, channel::shell) == 1);
        CHECK(it.sent["execute_request"] != before);
        before = it.sent["execute_request"];
        CHECK(it.state.running());
        auto const step = it.finish();
        REQUIRE(step.ended);
        CHECK(step.ended->cause == end_cause::complete);
        CHECK_FALSE(it.state.running());
        CHECK_FALSE(it.state.next_deadline());
    }
}

TEST_CASE("three messages that wait together are told in their order", "[client][kernel_state]") {
    bench it;
    it.execute();
    std::vector<frame_list> waiting;
    for (auto const* text : {"one", "two", "three", "four"}) {
        waiting.push_back(it.frames("stream", it.sent["execute_request"],
                                    std::string(R"({"name":"stdout","text":")") + text + "\"}"));
    }
    std::vector<std::string> told;
    for (auto const& each : waiting) {
        for (auto const& event : it.state.on_frames(channel::iopub, each, it.now).events) {
            told.push_back(describe(event));
        }
    }
    CHECK(told ==
          std::vector<std::string>{"stdout one", "stdout two", "stdout three", "stdout four"});
}

TEST_CASE("nothing is interrupted while nothing runs", "[client][kernel_state]") {
    bench it;
    CHECK(it.state.interrupt(it.now).send.empty());
    it.execute();
    CHECK(count_of(it.state.interrupt(it.now), channel::control) == 1);
    CHECK(it.state.interrupt(it.now).send.empty());
}

TEST_CASE("the next cell waits for the interrupt that is still on its way",
          "[client][kernel_state]") {
    bench it;
    it.execute();
    it.note(it.state.interrupt(it.now));
    REQUIRE(it.finish().ended);
    auto const begun = it.execute();
    CHECK(begun.send.empty());
    CHECK(it.state.running());
    SECTION("until it is answered") {
        auto const step =
            it.hear(channel::control, "interrupt_reply", it.sent["interrupt_request"]);
        CHECK(count_of(step, channel::shell) == 1);
    }
    SECTION("and is never sent when it is not") {
        auto const step = it.until_next();
        CHECK(count_of(step, channel::shell) == 0);
        REQUIRE(step.ended);
        CHECK(step.ended->cause == end_cause::unreachable);
        CHECK(step.unusable);
        CHECK_FALSE(it.state.on_timer(it.now + 1h).unusable);
        CHECK(it.execute().ended);
    }
    SECTION("and is interrupted once it was sent") {
        CHECK(it.state.interrupt(it.now).send.empty());
        auto const step =
            it.hear(channel::control, "interrupt_reply", it.sent["interrupt_request"]);
        CHECK(count_of(step, channel::shell) == 1);
        CHECK(count_of(step, channel::control) == 1);
    }
    SECTION("an interrupt of a held cell that ends is not the next one's") {
        it.note(it.state.interrupt(it.now));
        REQUIRE(it.state.abandon().ended);
        CHECK(it.execute().send.empty());
        auto const step =
            it.hear(channel::control, "interrupt_reply", it.sent["interrupt_request"]);
        CHECK(count_of(step, channel::shell) == 1);
        CHECK(count_of(step, channel::control) == 0);
    }
    SECTION("a held cell ends like any other") {
        auto const step = it.state.kernel_died();
        REQUIRE(step.ended);
        CHECK(step.ended->cause == end_cause::kernel_died);
        CHECK(it.hear(channel::control, "interrupt_reply", it.sent["interrupt_request"])
                  .send.empty());
    }
    if (it.state.running()) {
        it.hear(channel::control, "interrupt_reply", it.sent["interrupt_request"]);
        CHECK(it.finish().ended);
    }
}

TEST_CASE("interrupts that came to nothing do not hit the next cell", "[client][kernel_state]") {
    bench it;
    it.execute();
    it.note(it.state.interrupt(it.now));
    for (int i = 0; i < 4; ++i) {
        it.until_next();  // unanswered, all of them
    }
    CHECK(it.state.running());
    REQUIRE(it.finish().ended);
    it.now += 1h;
    CHECK(it.execute().send.empty());
    auto const step = it.hear(channel::control, "interrupt_reply", it.sent["interrupt_request"]);
    CHECK(count_of(step, channel::shell) == 1);
    CHECK(it.finish().ended);
}

TEST_CASE("a cell that was interrupted in vain can be interrupted again",
          "[client][kernel_state]") {
    bench it;
    it.execute();
    it.note(it.state.interrupt(it.now));
    for (int i = 0; i < 4; ++i) {
        it.until_next();
    }
    CHECK(count_of(it.state.interrupt(it.now), channel::control) == 1);
}

TEST_CASE("an abandoned cell's interrupt is waited for as well", "[client][kernel_state]") {
    bench it;
    it.execute();
    it.note(it.state.interrupt(it.now));
    REQUIRE(it.state.abandon().ended);
    CHECK(it.execute().send.empty());
}

TEST_CASE("discarded output is counted, and told to the cell that runs", "[client][kernel_state]") {
    bench it;
    CHECK(it.state.on_discarded(2, 100).events.empty());
    it.execute();
    auto const step = it.state.on_discarded(3, 1000);
    REQUIRE(step.events.size() == 1);
    CHECK(describe(step.events[0]) == "discarded 1000");
    CHECK(it.state.counters().discarded == 5);
    CHECK(it.state.counters().received == 5);
    CHECK(it.state.counters().received_bytes == 1100);
}

TEST_CASE("messages that are no messages are counted by what is wrong with them",
          "[client][kernel_state]") {
    bench it;
    it.execute();
    it.state.on_frames(channel::iopub, {}, it.now);
    auto forged = it.frames("stream", "", "{}");
    forged[1] = frame{std::string(64, 'a')};
    it.state.on_frames(channel::iopub, forged, it.now);
    it.state.on_frames(channel::iopub, forged, it.now);
    it.hear(channel::iopub, "stream", it.sent["execute_request"], "[");
    auto const& counted = it.state.counters();
    CHECK(counted.invalid == 4);
    CHECK(counted.invalid_for(wire_errc::no_delimiter) == 1);
    CHECK(counted.invalid_for(wire_errc::bad_signature) == 2);
    CHECK(counted.invalid_for(wire_errc::bad_content) == 1);
}

TEST_CASE("an adopted kernel can be interrupted before it is ready", "[client][kernel_state]") {
    bench it;
    it.note(it.state.begin_adopt(it.now + 60s, it.now));
    auto const nudge = it.sent["kernel_info_request"];
    auto const step = it.note(it.state.interrupt(it.now));
    CHECK(count_of(step, channel::control) == 1);
    auto const answered =
        it.hear(channel::control, "interrupt_reply", it.sent["interrupt_request"]);
    CHECK(count_of(answered, channel::shell) == 1);
    CHECK(it.hear(channel::shell, "kernel_info_reply", nudge, "{}").send.empty());
    auto const ready =
        it.hear(channel::iopub, "status", nudge, R"({"execution_state":"idle"})").ready;
    REQUIRE(ready);
    CHECK(ready->has_value());
    CHECK_FALSE(it.state.next_deadline());
}

TEST_CASE("a heart that stops while a cell runs makes the kernel unreachable",
          "[client][kernel_state]") {
    bench it;
    auto const begun = it.execute();
    CHECK(count_of(begun, channel::heartbeat) == 0);  // a short cell pays nothing
    auto const begin = it.now;
    kernel_step step;
    for (int i = 0; i < 100 && !step.ended; ++i) {
        step = it.until_next();
    }
    REQUIRE(step.ended);
    CHECK(step.ended->cause == end_cause::unreachable);
    CHECK(it.now - begin == 35s);
}

TEST_CASE("a heart that beats lets a cell run for hours", "[client][kernel_state]") {
    bench it;
    auto step = it.execute();
    auto const until = it.now + 3h;
    while (it.now < until) {
        for (auto const& each : step.send) {
            if (each.to == channel::heartbeat) {
                it.state.on_frames(channel::heartbeat, each.frames, it.now);
            }
        }
        step = it.until_next();
        REQUIRE_FALSE(step.ended);
    }
    CHECK(it.state.counters().surplus == 0);
    it.state.on_frames(channel::heartbeat, {}, it.now);
    it.state.on_frames(channel::heartbeat, {frame{"forged"}}, it.now);
    CHECK(it.state.counters().surplus == 2);
}

TEST_CASE("an abandoned execution leaves the connection usable", "[client][kernel_state]") {
    bench it;
    it.execute();
    auto const first = it.sent["execute_request"];
    auto const step = it.state.abandon();
    REQUIRE(step.ended);
    CHECK(step.ended->cause == end_cause::abandoned);
    it.execute();
    auto const late = it.hear(channel::iopub, "stream", first, R"({"name":"stdout","text":"x"})");
    CHECK(late.events.empty());
    CHECK(it.state.counters().late == 1);
    CHECK(it.finish().ended);
}

TEST_CASE("a cell under a chosen id runs, and what it says later is late",
          "[client][kernel_state]") {
    bench it;
    execute_request what{"1", false, true, false};
    what.msg_id = "chosen";
    it.note(it.state.begin_execute(what, it.now));
    CHECK(it.sent["execute_request"] == "chosen");
    REQUIRE(it.finish().ended);
    it.execute();
    it.hear(channel::iopub, "stream", "chosen", R"({"name":"stdout","text":"x"})");
    it.hear(channel::iopub, "stream", "another", R"({"name":"stdout","text":"x"})");
    CHECK(it.state.counters().late == 1);
    CHECK(it.state.counters().foreign_parent == 1);
}

TEST_CASE("the kernel's own session is known from its first message", "[client][kernel_state]") {
    bench it;
    CHECK(it.state.kernel_session().empty());
    it.hear(channel::iopub, "status", "", R"({"execution_state":"starting"})");
    CHECK(it.state.kernel_session() == "kernel");
}

TEST_CASE("readiness that has ended is not told twice", "[client][kernel_state]") {
    bench it;
    it.note(it.state.begin_ready(it.now + 1s, it.now));
    CHECK(it.state.kernel_died().ready.has_value());
    CHECK_FALSE(it.state.kernel_died().ready.has_value());
    CHECK_FALSE(it.state.link_lost().ready.has_value());
    auto const again = it.state.begin_ready(it.now + 1s, it.now);
    REQUIRE(again.ready);
    CHECK(again.ready->error() == client_errc::unreachable);
    CHECK(again.send.empty());
}
