// SPDX-License-Identifier: Apache-2.0
#include "kernelproto/client/interruption.hpp"

#include "tests/support/catch.hpp"
#include "tests/support/script.hpp"

#include <memory>
#include <string>
#include <vector>

using namespace kernelproto;
using namespace kernelproto::script;
using namespace std::chrono_literals;

namespace {

machine escalation(request_author& author, steady_time) {
    auto const it = std::make_shared<interruption>(author);
    return {
        [it](steady_time now) { return it->start(now); },
        [it](channel from, message const& heard, steady_time now) {
            actions foreign;
            foreign.dropped = drop::foreign_parent;
            return it->owns(heard.parent.msg_id) ? it->on_message(from, heard, now) : foreign;
        },
        [it](steady_time now) { return it->on_timer(now); },
        [it] { return it->next_deadline(); },
        [it](end_cause) {
            it->on_execution_ended();
            return actions{};
        },
    };
}

line answered(std::string content = R"({"status":"ok"})") {
    return says(channel::control, "interrupt_reply", std::move(content))
        .of("interrupt")
        .then({"> shell kernel_info_request"});
}

transcript const asked{"> control interrupt_request"};
transcript const surplus{"dropped surplus"};

std::vector<row> const rows{
    {"an interrupt is asked for on control, and its reply nudges shell",
     asked,
     {answered()},
     false},
    {"a reply without a status, and one that says error, count as well",
     asked,
     {answered("{}"), passes(1s).then(asked), answered(R"({"status":"error","ename":"E"})")},
     false},
    {"it is repeated four times, and then it is the owner's turn",
     asked,
     {answered(), passes(1s).then(asked), answered(), passes(1s).then(asked), answered(),
      passes(1s).then(asked), answered(), passes(60s)},
     false},
    {"a control channel that never answers is given up just the same",
     asked,
     {passes(3s).then({asked[0], asked[0], asked[0]}), passes(60s)},
     false},
    {"an answer that comes when it was given up still nudges shell",
     asked,
     {passes(60s).then({asked[0], asked[0], asked[0]}), answered(), passes(60s)},
     false},
    {"only the reply to the last request on control counts",
     asked,
     {says(channel::shell, "interrupt_reply", "{}").of("interrupt").then(surplus),
      says(channel::control, "shutdown_reply", "{}").of("interrupt").then(surplus),
      says(channel::iopub, "status", R"({"execution_state":"busy"})").of("interrupt").then(surplus),
      answered(), says(channel::shell, "kernel_info_reply", "{}").of("shell nudge").then(surplus),
      says(channel::control, "interrupt_reply", "{}").of("foreign").then({"dropped foreign"})},
     false},
};

/// Lets an escalation run until it is given up; the number of requests that were sent.
int asked_again(interruption& it, steady_time& now, std::string& last_asked) {
    int count = 0;
    while (auto const next = it.next_deadline()) {
        now = *next;
        for (auto const& each : it.on_timer(now).send) {
            last_asked = each.what.head.msg_id;
            ++count;
        }
    }
    return count;
}

message reply_to(std::string id) {
    message heard;
    heard.head.msg_type = "interrupt_reply";
    heard.parent.msg_id = std::move(id);
    heard.content = frame{std::string("{}")};
    return heard;
}

}  // namespace

TEST_CASE("an interrupt escalates until it is given up", "[client][interruption]") {
    check_all(rows, escalation);
}

TEST_CASE("a second call while one is under way sends nothing", "[client][interruption]") {
    steady_time const now{};
    request_author author("ours", now, {});
    interruption it(author);
    CHECK(it.settled());
    CHECK(it.start(now).send.size() == 1);
    CHECK(it.start(now).send.empty());
    CHECK_FALSE(it.settled());
}

TEST_CASE("a cell that ended is not interrupted again", "[client][interruption]") {
    steady_time now{};
    request_author author("ours", now, {});
    interruption it(author);
    auto const id = it.start(now).send.at(0).what.head.msg_id;
    it.on_message(channel::control, reply_to(id), now);
    it.on_execution_ended();
    CHECK(it.settled());
    CHECK_FALSE(it.next_deadline());
    now += 60s;
    CHECK(it.on_timer(now).send.empty());
}

TEST_CASE("an interrupt on its way must land before the next cell is sent",
          "[client][interruption]") {
    steady_time now{};
    request_author author("ours", now, {});
    interruption it(author);
    auto const id = it.start(now).send.at(0).what.head.msg_id;
    it.on_execution_ended();
    CHECK_FALSE(it.settled());
    SECTION("its reply says that it has") {
        CHECK(it.on_message(channel::control, reply_to(id), now).send.empty());
        CHECK(it.settled());
        CHECK_FALSE(it.next_deadline());
    }
    SECTION("nobody is in a hurry while no cell waits") { CHECK_FALSE(it.next_deadline()); }
    SECTION("without a reply no time is long enough") {
        now += 1h;
        it.on_next_waiting(now);
        it.on_next_waiting(now + 1s);
        REQUIRE(it.next_deadline() == now + 10s);
        CHECK(it.on_timer(now + 10s - 1ms).send.empty());
        CHECK_FALSE(it.deaf());
        CHECK(it.on_timer(now + 10s).send.empty());
        CHECK(it.deaf());
        CHECK_FALSE(it.settled());
        CHECK_FALSE(it.next_deadline());
        CHECK(it.on_message(channel::control, reply_to(id), now).send.empty());
        CHECK(it.deaf());
    }
    SECTION("ending again changes nothing") {
        it.on_execution_ended();
        CHECK_FALSE(it.settled());
    }
}

TEST_CASE("after the end a new escalation begins from the first attempt",
          "[client][interruption]") {
    steady_time now{};
    request_author author("ours", now, {});
    interruption it(author);
    std::string last_asked;
    for (int round = 0; round < 3; ++round) {
        CHECK(it.start(now).send.size() == 1);
        CHECK(asked_again(it, now, last_asked) == 3);
        it.on_message(channel::control, reply_to(last_asked), now);
        it.on_execution_ended();
        CHECK(it.settled());
    }
}

TEST_CASE("an escalation that came to nothing is begun anew when asked for again",
          "[client][interruption]") {
    steady_time now{};
    request_author author("ours", now, {});
    interruption it(author);
    std::string last_asked;
    for (int round = 0; round < 3; ++round) {
        CHECK(it.start(now).send.size() == 1);
        CHECK(asked_again(it, now, last_asked) == 3);
    }
}

TEST_CASE("given up and unanswered, an interrupt is still on its way when the cell ends",
          "[client][interruption]") {
    steady_time now{};
    request_author author("ours", now, {});
    interruption it(author);
    std::string last_asked;
    auto const first = it.start(now).send.at(0).what.head.msg_id;
    asked_again(it, now, last_asked);
    it.on_execution_ended();
    CHECK_FALSE(it.settled());
    it.on_message(channel::control, reply_to(first), now);
    CHECK_FALSE(it.settled());
    it.on_message(channel::control, reply_to(last_asked), now);
    CHECK(it.settled());
}
