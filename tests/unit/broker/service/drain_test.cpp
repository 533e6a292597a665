// SPDX-License-Identifier: Apache-2.0
// The end of a broker over fakes, and sessions that come to nothing. Never a real kernel.
#include "tests/support/service_stage.hpp"

using namespace broker;
using namespace test;

namespace {

/// Begun; true when it has returned.
std::shared_ptr<bool> begin_drain(service_stage& stage, std::chrono::seconds time) {
    auto const done = std::make_shared<bool>(false);
    boost::asio::co_spawn(stage.loop, stage.api.drain(stage.context.clock().steady + time),
                          [done](std::exception_ptr) { *done = true; });
    return done;
}

/// As the composition root does after `drain`.
void end_sandboxes(service_stage& stage) {
    bool ended = false;
    boost::asio::co_spawn(
        stage.loop,
        [](service_stage& of) -> task<> {
            of.tasks.cancel();
            co_await of.tasks.join();
            co_await of.api.end_sandboxes();
        }(stage),
        [&ended](std::exception_ptr) { ended = true; });
    stage.until([&] { return ended; });
}

constexpr std::chrono::seconds long_enough{1000};

}  // namespace

TEST_CASE("a deletion that has begun is finished before the broker ends", "[service][drain]") {
    fake_host host;
    service_stage stage(host);
    (void)stage.ran("a");
    host.runtime.verbs.hold("end");
    auto const removed = stage.begin(stage.api.delete_session({"default", "a"}));
    stage.until([&] { return host.runtime.verbs.waits("end"); });
    auto const drained = begin_drain(stage, long_enough);
    stage.settle();
    CHECK_FALSE(*drained);
    host.runtime.verbs.release("end");
    stage.until([&] { return *drained; });
    CHECK(stage.wait(removed).has_value());
    CHECK(host.runtime.living() == 0);
}

TEST_CASE("what runs and waits ends before the broker does, and nothing new begins",
          "[service][drain]") {
    fake_host host;
    service_stage stage(host);
    auto const running = stage.run("a", "1");
    stage.until([&] { return stage.sent(); });
    auto const waiting = stage.run("a", "2");
    auto const drained = begin_drain(stage, long_enough);
    stage.settle();
    CHECK(stage.wait(stage.run("a")).error().code == errc::draining);
    CHECK(stage.get(stage.api.create_session({"default", "b"}, {})).error().code == errc::draining);
    CHECK(stage.get(stage.api.begin_upload({"default", "a"}, *workspace_path::from_text("f"), {}))
              .error()
              .code == errc::draining);
    CHECK_FALSE(stage.ready());
    CHECK(stage.look("a").has_value());
    CHECK_FALSE(*drained);
    stage.kernel().reply();
    stage.until([&] { return stage.kernel().codes.size() == 2; });
    CHECK_FALSE(*drained);
    stage.kernel().reply();
    stage.until([&] { return *drained; });
    CHECK(stage.wait(running)->what == outcome::ok);
    CHECK(stage.wait(waiting)->what == outcome::ok);
}

TEST_CASE("what does not end in time is answered, and left to the next broker",
          "[service][drain]") {
    fake_host host;
    {
        service_stage stage(host);
        auto const running = stage.run("a", "1", 500);
        stage.until([&] { return stage.sent(); });
        auto const waiting = stage.run("a", "2");
        auto const drained = begin_drain(stage, std::chrono::seconds(0));
        stage.until([&] { return *drained; });
        auto const unknown = stage.wait(running);
        REQUIRE(unknown.has_value());
        CHECK(unknown->what == outcome::unknown);
        CHECK(unknown->output_incomplete);
        CHECK(stage.wait(waiting).error().code == errc::draining);
        CHECK(host.runtime.living() == 1);
    }
    auto const left = *host.store.unfinished_executions();
    REQUIRE(left.size() == 1);
    CHECK(left.front().stage == execution_stage::sent);
    service_stage next(host);
    next.until([&] { return next.sent(); });
    CHECK(next.kernel().followed == std::vector{left.front().id.str()});
    next.kernel().reply({kernelproto::end_cause::ended_unheard, std::nullopt});
    next.until([&] { return next.kernel().adopting; });
    next.kernel().heard();
    next.settle();
    CHECK(host.store.unfinished_executions()->empty());
    CHECK(next.ran("a").started_on == session_state::kept);
}

TEST_CASE("a cell whose files are looked at is not sent by a broker that ends",
          "[service][drain]") {
    fake_host host;
    service_stage stage(host);
    std::shared_ptr<bool> drained;
    stage.on_step = [&](std::string_view step) {
        if (step == step::ready) {
            boost::asio::post(stage.loop,
                              [&] { drained = begin_drain(stage, std::chrono::seconds(0)); });
        }
    };
    auto const call = stage.run("a");
    stage.until([&] { return drained && *drained; });
    CHECK(stage.wait(call).error().code == errc::draining);
    CHECK(stage.kernel().codes.empty());
    CHECK(host.store.unfinished_executions()->empty());
}

TEST_CASE("a broker told to end its sandboxes ends those that run, start or rest",
          "[service][drain]") {
    fake_host host;
    {
        service_stage stage(host);
        (void)stage.ran("rests");
        auto const running = stage.run("runs");
        stage.until([&] { return stage.sent(); });
        stage.hold_kernels = true;
        auto const starting = stage.run("starts");
        stage.until([&] { return stage.kernel().adopting; });
        auto const drained = begin_drain(stage, std::chrono::seconds(0));
        stage.until([&] { return *drained; });
        CHECK(stage.wait(running)->what == outcome::unknown);
        CHECK(stage.wait(starting).error().code == errc::draining);
        end_sandboxes(stage);
        CHECK(host.runtime.living() == 0);
        CHECK(host.workspaces.mounted() == 0);
        CHECK(host.store.sandboxes()->empty());
        CHECK(stage.thrown.empty());
    }
    service_stage next(host);
    for (auto const* name : {"rests", "runs"}) {
        auto const told = next.ran(name);
        CHECK(told.started_on == session_state::restarted);
        CHECK(told.reason == state_reason::restart_requested);
    }
    CHECK(next.ran("starts").started_on == session_state::fresh);
}

TEST_CASE("a session that came to nothing leaves no row and fills no cap", "[service][admission]") {
    fake_host host;
    service_stage stage(host);
    auto const many = static_cast<int>(host.config.sessions.caps.sessions_per_tenant) + 10;
    SECTION("because its kernel does not start") { host.runtime.verbs.fail("start", 1000); }
    SECTION("because there is no runtime") { host.runtime.usable = false; }
    for (int i = 0; i < many; ++i) {
        auto const refused = stage.wait(stage.run("id-" + std::to_string(i)));
        REQUIRE(refused.has_error());
        REQUIRE(refused.error().code == errc::runtime_unavailable);
    }
    CHECK(host.store.sessions()->empty());
    CHECK(host.workspaces.count() == 0);
}

TEST_CASE("a session with files outlives a kernel that does not start", "[service][admission]") {
    fake_host host;
    service_stage stage(host);
    REQUIRE(stage.get(stage.api.begin_upload({"default", "a"}, *workspace_path::from_text("f"), {}))
                .has_value());
    host.runtime.verbs.fail("start");
    CHECK(stage.wait(stage.run("a")).has_error());
    CHECK(stage.look("a").has_value());
    CHECK(stage.ran("a").started_on == session_state::fresh);
}

TEST_CASE("rows of executions carry the digest of their code", "[service]") {
    fake_host host;
    service_stage stage(host);
    (void)stage.ran("a", "abc");
    auto const rows = *host.store.executions(host.store.sessions()->front().id, 1, nullptr);
    CHECK(rows.front().code_sha256 ==
          "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
}
