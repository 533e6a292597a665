// SPDX-License-Identifier: Apache-2.0
// A cell that an earlier process sent, heard out by the next one.
#include "kernelproto/client/execution.hpp"
#include "kernelproto/client/kernel_state.hpp"
#include "tests/support/catch.hpp"
#include "tests/support/script.hpp"
#include "tests/unit/kernelproto/client/kernel_bench.hpp"
#include "tests/unit/kernelproto/client/kernel_subject.hpp"

#include <memory>
#include <string>
#include <vector>

using namespace kernelproto;
using namespace kernelproto::script;
using namespace std::chrono_literals;

namespace {

machine bare(request_author& author, steady_time) {
    execute_request what;
    what.allow_stdin = true;
    auto const it = std::make_shared<execution>(std::move(what), author);
    return {
        [it](steady_time now) { return it->follow(followed_cell, now); },
        [it](channel from, message const& heard, steady_time now) {
            actions foreign;
            foreign.dropped = drop::foreign_parent;
            return it->owns(heard.parent.msg_id) ? it->on_message(from, heard, now) : foreign;
        },
        [it](steady_time now) { return it->on_timer(now); },
        [it] { return it->next_deadline(); },
        [it](end_cause why) { return it->stop(why); },
    };
}

machine whole(request_author& author, steady_time begin) {
    auto const it = std::make_shared<kernel_subject_state>(author, begin);
    return {
        [it](steady_time now) {
            return it->translate(it->state.begin_follow(followed_cell, true, now));
        },
        [it](channel from, message const& heard, steady_time now) {
            return it->hear(from, heard, now);
        },
        [it](steady_time now) { return it->tick(now); },
        [it] { return it->state.next_deadline(); },
        [it](end_cause why) { return it->stop(why); },
        true,
    };
}

transcript const probed{"> shell kernel_info_request"};
transcript const done{"end complete, ok"};
transcript const surplus{"dropped surplus"};
transcript const unheard{"end ended_unheard, no reply"};

line busy() { return says(channel::iopub, "status", R"({"execution_state":"busy"})"); }
line idle() { return says(channel::iopub, "status", R"({"execution_state":"idle"})"); }
line out(std::string const& text) {
    return says(channel::iopub, "stream", R"({"name":"stdout","text":")" + text + "\"}")
        .then({"stdout " + text});
}
line reply() { return says(channel::shell, "execute_reply", R"({"status":"ok"})"); }
line info(channel from, std::string whose) {
    return says(from, "kernel_info_reply", "{}").of(std::move(whose));
}

std::vector<row> const rows{
    {"what it says is told, and reply and idle are its end",
     probed,
     {out("a"), out("b"), reply(), idle().then(done), busy().of("shell nudge").then(surplus),
      info(channel::shell, "shell nudge").then(surplus), idle().of("shell nudge").then(surplus)}},
    {"one that has not begun yet is heard from its beginning",
     probed,
     {busy(),
      says(channel::iopub, "execute_input", R"({"code":"x","execution_count":3})")
          .then({"started 3"}),
      out("a"), reply(), idle().then(done)}},
    {"idle may overtake the reply",
     probed,
     {out("a"), idle().dated("1970-01-01T00:00:09Z"), reply().then(done)}},
    {"its error is told, though only iopub or only the reply tells it",
     probed,
     {says(channel::shell, "execute_reply", R"({"status":"error","ename":"E","evalue":"v"})"),
      idle().then({"raised E: v", "end complete, error E"})}},
    {"it may run for as long as it likes",
     probed,
     {out("a"), passes(10h), out("b"), passes(10h), reply(), idle().then(done)}},
    {"it ended before anybody listened",
     probed,
     {busy().of("shell nudge").then(surplus), info(channel::shell, "shell nudge").then(unheard),
      idle().of("shell nudge").then(surplus)}},
    {"it ended before anybody listened, and iopub is the first to say so",
     probed,
     {busy().of("shell nudge").then(surplus), idle().of("shell nudge"),
      info(channel::shell, "shell nudge").then(unheard)}},
    {"its last output and its idle were heard, its reply was not",
     probed,
     {out("a"), idle(), info(channel::shell, "shell nudge").then(unheard)}},
    {"its idle was heard, and its reply is only late",
     probed,
     {idle().dated("1970-01-01T00:00:09Z"), passes(60s), reply().then(done)}},
    {"its reply was heard, its idle came before the subscription",
     probed,
     {reply(), busy().of("shell nudge").then(surplus),
      info(channel::shell, "shell nudge").then(surplus),
      idle().of("shell nudge").then({"end reply_without_idle, ok"})}},
    {"its reply was heard, and all that iopub said came before the subscription",
     probed,
     {reply(), info(channel::shell, "shell nudge").then(surplus),
      passes(1s).then({"> control kernel_info_request"}),
      idle().of("control nudge").then({"end reply_without_idle, ok"})}},
    {"a forked child's idle is not its end",
     probed,
     {idle(), out("parent"), reply(), out("rest"), idle().then(done)}},
    {"the probe was handled but shell is mute",
     probed,
     {idle().of("shell nudge"), passes(1s).then({"end unreachable, no reply"})}},
    {"control's word says nothing of shell",
     probed,
     {info(channel::control, "shell nudge").then(surplus), reply(), idle().then(done)}},
    {"what it asks is told",
     probed,
     {says(channel::stdin_channel, "input_request", R"({"prompt":"n"})").then({"input? n"}),
      reply(), idle().then(done)}},
    {"another's messages are not its own",
     probed,
     {says(channel::iopub, "stream", R"({"name":"stdout","text":"x"})")
          .of("foreign")
          .then({"dropped foreign"}),
      reply().of("foreign").then({"dropped foreign"}),
      idle().of("foreign").then({"dropped foreign"}), reply(), idle().then(done)}},
};

std::vector<row> const replaced{
    {"another kernel shows up while it runs",
     probed,
     {out("a"),
      busy().of("nobody").by("other").then({"end kernel_replaced, no reply", "dropped foreign"})}},
    {"its reply was heard before",
     probed,
     {reply(), idle().by("other").then({"end kernel_replaced, ok", "dropped foreign"})}},
};

end_cause cause_of(kernel_step const& step) {
    REQUIRE(step.ended);
    return step.ended->cause;
}

kernel_step answer_nudge(bench& it, std::string const& nudge) {
    it.hear(channel::iopub, "status", nudge, R"({"execution_state":"busy"})");
    it.hear(channel::shell, "kernel_info_reply", nudge, "{}");
    return it.hear(channel::iopub, "status", nudge, R"({"execution_state":"idle"})");
}

}  // namespace

TEST_CASE("a followed cell ends by its own word, or by the probe's behind it", "[client][follow]") {
    check_all(rows, bare);
}

TEST_CASE("following holds for the whole kernel state as well", "[client][follow]") {
    check_all(rows, whole);
    check_all(replaced, whole);
}

TEST_CASE("a followed cell is not sent, and is followed once", "[client][follow]") {
    steady_time const now{};
    request_author author("ours", now, {});
    execution it({}, author);
    auto const begun = it.follow("chosen", now).send;
    REQUIRE(begun.size() == 1);
    CHECK(begun[0].to == channel::shell);
    CHECK(begun[0].what.head.msg_type == "kernel_info_request");
    CHECK(it.owns("chosen"));
    CHECK(it.follow("another", now).send.empty());
    CHECK(it.start(now).send.empty());
    CHECK_FALSE(it.owns("another"));
}

TEST_CASE("a followed cell can be interrupted", "[client][follow]") {
    bench it;
    it.follow();
    auto const step = it.note(it.state.interrupt(it.now));
    CHECK(count_of(step, channel::control) == 1);
    auto const answered =
        it.hear(channel::control, "interrupt_reply", it.sent["interrupt_request"]);
    CHECK(count_of(answered, channel::shell) == 1);
    CHECK(count_of(it.until_next(), channel::control) == 1);  // again, as for any other
    CHECK(cause_of(it.finish()) == end_cause::complete);
    CHECK(it.execute().send.empty());  // until the second interrupt has landed
    it.hear(channel::control, "interrupt_reply", it.sent["interrupt_request"]);
    CHECK(cause_of(it.finish()) == end_cause::complete);
}

TEST_CASE("a followed cell is told what of its output was discarded", "[client][follow]") {
    bench it;
    it.follow();
    auto const step = it.state.on_discarded(3, 1000);
    REQUIRE(step.events.size() == 1);
    CHECK(describe(step.events[0]) == "discarded 1000");
    CHECK(cause_of(it.finish()) == end_cause::complete);
}

TEST_CASE("a followed cell's question is answered where that is allowed", "[client][follow]") {
    bench it;
    bool const allowed = GENERATE(true, false);
    it.follow(allowed);
    auto const asked =
        it.hear(channel::stdin_channel, "input_request", followed_cell, R"({"prompt":"?"})");
    CHECK(asked.events.size() == (allowed ? 1 : 0));
    auto const answer = it.state.answer_input("x", it.now);
    CHECK(count_of(answer, channel::stdin_channel) == (allowed ? 1 : 0));
}

TEST_CASE("a followed cell is ended from outside like any other", "[client][follow]") {
    bench it;
    it.follow();
    CHECK(it.state.running());
    SECTION("by death") {
        CHECK(cause_of(it.state.kernel_died()) == end_cause::kernel_died);
        CHECK(cause_of(it.follow()) == end_cause::unreachable);
    }
    SECTION("by a link that breaks") {
        CHECK(cause_of(it.state.link_lost()) == end_cause::unreachable);
        CHECK(it.follow().send.empty());
    }
    SECTION("by its owner") {
        CHECK(cause_of(it.state.abandon()) == end_cause::abandoned);
        CHECK(it.hear(channel::iopub, "stream", followed_cell, "{}").events.empty());
        CHECK(it.state.counters().late == 1);
    }
    SECTION("by a heart that stops") {
        auto const begin = it.now;
        kernel_step step;
        for (int i = 0; i < 100 && !step.ended; ++i) {
            step = it.until_next();
        }
        CHECK(cause_of(step) == end_cause::unreachable);
        CHECK(it.now - begin == 35s);
    }
    CHECK_FALSE(it.state.running());
}

TEST_CASE("behind a followed cell the kernel is adopted and runs the next", "[client][follow]") {
    bench it;
    it.follow();
    auto const probe = it.sent["kernel_info_request"];
    CHECK(cause_of(it.hear(channel::shell, "kernel_info_reply", probe, "{}")) ==
          end_cause::ended_unheard);
    it.note(it.state.begin_adopt(it.now + 60s, it.now));
    CHECK_FALSE(it.hear(channel::iopub, "status", probe, R"({"execution_state":"idle"})").ready);
    auto const ready = answer_nudge(it, it.sent["kernel_info_request"]).ready;
    REQUIRE(ready);
    CHECK(ready->has_value());
    it.execute();
    it.hear(channel::iopub, "stream", followed_cell, R"({"name":"stdout","text":"x"})");
    CHECK(it.state.counters().late == 1);
    CHECK(it.state.counters().foreign_parent == 0);
    CHECK(cause_of(it.finish()) == end_cause::complete);
}

TEST_CASE("whether a kernel is back is asked any number of times", "[client][follow]") {
    bench it;
    for (int round = 0; round < 5; ++round) {
        it.note(it.state.begin_adopt(it.now + 10s, it.now));
        auto const nudge = it.sent["kernel_info_request"];
        auto const given_up = it.until_next();
        REQUIRE(given_up.ready);
        CHECK(given_up.ready->error() == client_errc::timed_out);
        CHECK_FALSE(it.state.next_deadline());

        it.execute();
        auto const before = it.state.counters().surplus;
        CHECK_FALSE(answer_nudge(it, nudge).ended);  // the kernel comes to it at last
        CHECK(it.state.counters().surplus == before + 3);
        CHECK(it.state.running());
        CHECK(cause_of(it.finish()) == end_cause::complete);

        it.note(it.state.begin_adopt(it.now + 10s, it.now));
        auto const ready = answer_nudge(it, it.sent["kernel_info_request"]).ready;
        REQUIRE(ready);
        CHECK(ready->has_value());
        CHECK_FALSE(it.state.next_deadline());
    }
    CHECK(it.state.counters().foreign_parent == 0);
    CHECK(it.state.counters().late == 0);
}

TEST_CASE("what was interrupted and asked after does not hit the next cell", "[client][follow]") {
    bench it;
    it.execute();
    it.note(it.state.interrupt(it.now));
    REQUIRE(it.finish().ended);
    it.note(it.state.begin_adopt(it.now + 10s, it.now));
    REQUIRE(answer_nudge(it, it.sent["kernel_info_request"]).ready);
    CHECK(it.execute().send.empty());
    auto const step = it.hear(channel::control, "interrupt_reply", it.sent["interrupt_request"]);
    CHECK(count_of(step, channel::shell) == 1);
    CHECK(cause_of(it.finish()) == end_cause::complete);
}
