// SPDX-License-Identifier: Apache-2.0
// Sessions over fakes: what happens when the world moves at each wait. Never a real kernel.
#include "tests/support/service_stage.hpp"

using namespace broker;
using namespace test;

TEST_CASE("a session runs cells one after the other on one kernel", "[service][flow]") {
    fake_host host;
    service_stage stage(host);
    auto const first = stage.ran("a", "x = 1");
    CHECK(first.started_on == session_state::fresh);
    CHECK(first.what == outcome::ok);
    auto const second = stage.ran("a", "x");
    CHECK(second.started_on == session_state::kept);
    CHECK(stage.kernel().codes == std::vector<std::string>{"x = 1", "x"});
    CHECK(stage.remove("a").has_value());
    CHECK(host.runtime.living() == 0);
    CHECK(host.workspaces.count() == 0);
    CHECK(stage.thrown.empty());
}

TEST_CASE("a session deleted while its files are looked at is gone, and its cell cancelled",
          "[service][flow]") {
    fake_host host;
    service_stage stage(host);
    host.runtime.verbs.hold("settle");
    auto const call = stage.run("a");
    stage.until([&] { return host.runtime.verbs.waits("settle"); });
    // The look itself is on the pool: the deletion comes in the turn in which it begins.
    bool begun = false;
    answer<result<void>> gone;
    stage.on_step = [&](std::string_view step) {
        if (step == step::ready && !std::exchange(begun, true)) {
            boost::asio::post(stage.loop, [&] {
                gone = stage.begin(stage.api.delete_session({"default", "a"}));
            });
        }
    };
    host.runtime.verbs.release("settle");
    auto const ended = stage.wait(call);
    stage.until([&] { return gone && gone->has_value(); });
    CHECK((*gone)->has_value());
    REQUIRE(ended.has_value());
    CHECK(ended->what == outcome::cancelled);
    CHECK_FALSE(ended->variables_kept);
    CHECK(ended->started_on == session_state::fresh);
    CHECK(ended->generation == 1);
    CHECK(stage.kernel().codes.empty());
    CHECK(stage.thrown.empty());
    CHECK(stage.look("a").error().code == errc::session_not_found);
    CHECK(stage.ran("a").started_on == session_state::fresh);
}

TEST_CASE("a reply in the turn of the deadline keeps the kernel", "[service][flow]") {
    fake_host host;
    host.config.executions.interrupt_grace_s = 0;
    service_stage stage(host);
    (void)stage.ran("a");
    auto const deadline = std::chrono::steady_clock::now() + std::chrono::milliseconds(200);
    auto const call = stage.run("a", "x", 0.2);
    stage.until([&] { return stage.sent(); });
    stage.settle();
    while (std::chrono::steady_clock::now() < deadline + std::chrono::milliseconds(100)) {
        // The loop stands still: deadline and reply are both there when it turns again.
    }
    stage.kernel().reply();
    REQUIRE(stage.wait(call).has_value());
    stage.settle();
    CHECK(host.runtime.living() == 1);
    CHECK(stage.ran("a").started_on == session_state::kept);
}

TEST_CASE("what could not be stored leaves its loss to be told by the next", "[service][flow]") {
    fake_host host;
    service_stage stage(host);
    (void)stage.ran("a");
    host.runtime.die(SIGSEGV);
    stage.until([&] { return stage.look("a")->status == session_status::stopped; });
    host.store.verbs.fail("send_execution");
    auto const refused = stage.wait(stage.run("a"));
    REQUIRE(refused.has_error());
    CHECK(refused.error().code == errc::internal);
    auto const next = stage.ran("a");
    CHECK(next.started_on == session_state::restarted);
    CHECK(next.reason == state_reason::crash);
    CHECK(stage.ran("a").started_on == session_state::kept);
    CHECK(stage.thrown.empty());
}

TEST_CASE("a broken invariant fails who waits and leaves a session that works", "[service][flow]") {
    fake_host host;
    service_stage stage(host);
    (void)stage.ran("a");
    stage.on_step = [&](std::string_view step) {
        if (step == step::sent) {
            throw std::logic_error("broken");
        }
    };
    auto const first = stage.run("a");
    auto const second = stage.run("a");
    CHECK(stage.wait(first).has_error());
    CHECK(stage.wait(second).has_error());
    REQUIRE_FALSE(stage.thrown.empty());
    CHECK(stage.thrown.front() == "broken");
    stage.on_step = nullptr;
    CHECK(stage.ran("a").started_on == session_state::restarted);
    stage.until([&] { return host.runtime.living() == 1; });
    CHECK(stage.remove("a").has_value());
    CHECK(host.runtime.living() == 0);
}

TEST_CASE("a call in the turn in which an idle kernel's end is known starts the next kernel",
          "[service][flow]") {
    fake_host host;
    service_stage stage(host);
    (void)stage.ran("a");
    answer<result<execution>> call;
    host.store.on_verb = [&](std::string const& verb) {
        if (verb == "forget_sandbox" && !call) {
            boost::asio::post(stage.loop, [&] { call = stage.run("a"); });
        }
    };
    host.runtime.die(SIGSEGV);
    stage.until([&] { return call && stage.kernels.size() == 2 && stage.sent(); });
    stage.kernel().reply();
    auto const ended = stage.wait(call);
    REQUIRE(ended.has_value());
    CHECK(ended->started_on == session_state::restarted);
    CHECK(ended->reason == state_reason::crash);
    CHECK(stage.thrown.empty());
}

TEST_CASE("the start of a kernel is given back to those who waited, as far as they did",
          "[service][flow]") {
    fake_host host;
    service_stage stage(host);
    host.runtime.verbs.hold("start");
    auto const first = stage.run("a", "1", 30);
    stage.until([&] { return host.runtime.verbs.waits("start"); });
    stage.ahead = std::chrono::seconds(1000);
    auto const second = stage.run("a", "2", 30);
    stage.settle();
    host.runtime.verbs.release("start");
    stage.until([&] { return stage.sent(); });
    auto const rows = *host.store.unfinished_executions();
    REQUIRE(rows.size() == 2);
    auto const now = stage.context.clock().steady;
    CHECK(*rows[0].deadline > now);
    stage.kernel().reply();
    stage.until([&] { return stage.kernel().codes.size() == 2; });
    CHECK(*host.store.unfinished_executions()->front().deadline < now + std::chrono::seconds(500));
    stage.kernel().reply();
    CHECK(stage.wait(first).has_value());
    CHECK(stage.wait(second).has_value());
}

TEST_CASE("a session has the kernel of the language that its first cell names", "[service][flow]") {
    fake_host host;
    service_stage stage(host);
    auto const run_in = [&](std::string session, std::string language) {
        execution_options options{.code = "1", .language = std::move(language)};
        auto const call =
            stage.begin(stage.api.execute({"default", std::move(session)}, std::move(options)));
        stage.until([&] { return stage.sent() || call->has_value(); });
        if (stage.sent()) {
            stage.kernel().reply();
        }
        return stage.wait(call);
    };
    CHECK(run_in("a", "bash")->language == "bash");
    CHECK(host.runtime.last_argv() == std::vector<std::string>{"/bin/bash-kernel"});
    CHECK(run_in("a", "")->language == "bash");
    CHECK(run_in("b", "")->language == "python");
    CHECK(host.runtime.last_argv() == std::vector<std::string>{"/bin/kernel"});
    auto const unknown = run_in("c", "cobol");
    REQUIRE(unknown.has_error());
    CHECK(unknown.error().code == errc::unsupported_language);
    CHECK(unknown.error().detail.find("python, bash") != std::string::npos);
    CHECK(stage.look("c").error().code == errc::session_not_found);
}

TEST_CASE("a shell that ended is a new kernel, told once", "[service][flow]") {
    fake_host host;
    service_stage stage(host);
    (void)stage.ran("a");
    auto const call = stage.run("a", "exit");
    stage.until([&] { return stage.sent(); });
    kernelproto::execute_reply reply;
    reply.shell_lost = true;
    stage.kernel().reply({kernelproto::end_cause::complete, reply});
    auto const ended = stage.wait(call);
    REQUIRE(ended.has_value());
    CHECK(ended->what == outcome::ok);
    CHECK_FALSE(ended->variables_kept);
    auto const next = stage.ran("a");
    CHECK(next.started_on == session_state::restarted);
    CHECK(next.reason == state_reason::exit);
    CHECK(next.generation == 2);
    CHECK(stage.ran("a").started_on == session_state::kept);
    CHECK(host.runtime.living() == 1);
}
