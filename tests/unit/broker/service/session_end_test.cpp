// SPDX-License-Identifier: Apache-2.0
// How sessions end over fakes: deleted at every wait, put away, expired, removed only in part.
// Never a real kernel.
#include "tests/support/service_stage.hpp"

using namespace broker;
using namespace test;

namespace {

constexpr std::chrono::seconds idle{30 * 60 + 1};
constexpr std::chrono::seconds expiry{24 * 3600 + 1};

bool told(fake_host const& host, std::string const& word) {
    return std::any_of(host.log.begin(), host.log.end(),
                       [&](std::string const& line) { return line.find(word) != line.npos; });
}

void check_nothing_left(service_stage& stage) {
    CHECK(stage.host.runtime.living() == 0);
    CHECK(stage.host.workspaces.count() == 0);
    CHECK(stage.host.store.sessions()->empty());
    CHECK(stage.host.store.sandboxes()->empty());
    CHECK(stage.thrown.empty());
}

void check_deleted(execution const& ended) {
    CHECK(ended.what == outcome::cancelled);
    CHECK(ended.exit_code == 130);
    CHECK_FALSE(ended.variables_kept);
    CHECK_FALSE(ended.died_of);
    CHECK(ended.plain_stderr.find("the session was deleted") != std::string::npos);
}

auto begin_delete(service_stage& stage, std::string name) {
    return stage.begin(stage.api.delete_session({"default", std::move(name)}));
}

}  // namespace

TEST_CASE("a session deleted at any step of its start is gone, and who waits is told",
          "[service][end]") {
    fake_host host;
    service_stage stage(host);
    auto const verb = GENERATE(as<std::string>{}, "create", "start", "settle");
    auto& verbs = verb == "create" ? host.workspaces.verbs : host.runtime.verbs;
    verbs.hold(verb);
    auto const first = stage.run("a");
    auto const second = stage.run("a");
    stage.until([&] { return verbs.waits(verb); });
    auto const gone = begin_delete(stage, "a");
    stage.settle();
    verbs.release(verb);
    CHECK(stage.wait(gone).has_value());
    for (auto const& call : {first, second}) {
        auto const ended = stage.wait(call);
        REQUIRE(ended.has_value());
        check_deleted(*ended);
        CHECK(ended->started_on == session_state::fresh);
        CHECK_FALSE(ended->reason);
        CHECK(ended->generation == 1);
    }
    check_nothing_left(stage);
    CHECK(stage.ran("a").started_on == session_state::fresh);
}

TEST_CASE("cells of a session that is deleted are told what it was while it lived",
          "[service][end]") {
    fake_host host;
    service_stage stage(host);
    (void)stage.ran("a");
    auto const running = stage.run("a");
    auto const waiting = stage.run("a");
    stage.until([&] { return stage.sent() && stage.look("a")->queue_length == 1; });
    CHECK(stage.remove("a").has_value());
    for (auto const& call : {running, waiting}) {
        auto const ended = stage.wait(call);
        REQUIRE(ended.has_value());
        check_deleted(*ended);
        CHECK(ended->started_on == session_state::kept);
        CHECK_FALSE(ended->reason);
        CHECK(ended->generation == 1);
    }
    check_nothing_left(stage);
}

TEST_CASE("a cell whose session is deleted while its kernel is replaced is told of the loss",
          "[service][end]") {
    fake_host host;
    service_stage stage(host);
    (void)stage.ran("a");
    host.runtime.die(SIGKILL, 1);
    stage.until([&] { return stage.look("a")->status == session_status::stopped; });
    host.runtime.verbs.hold("start");
    auto const call = stage.run("a");
    stage.until([&] { return host.runtime.verbs.waits("start"); });
    auto const gone = begin_delete(stage, "a");
    stage.settle();
    host.runtime.verbs.release("start");
    CHECK(stage.wait(gone).has_value());
    auto const ended = stage.wait(call);
    REQUIRE(ended.has_value());
    check_deleted(*ended);
    CHECK(ended->started_on == session_state::restarted);
    CHECK(ended->reason == state_reason::oom);
    CHECK(ended->generation == 2);
    check_nothing_left(stage);
}

TEST_CASE("a session deleted while its kernel becomes ready or runs a cell is gone",
          "[service][end]") {
    fake_host host;
    service_stage stage(host);
    stage.hold_kernels = GENERATE(true, false);
    auto const call = stage.run("a");
    stage.until(
        [&] { return !stage.kernels.empty() && (stage.kernel().adopting || stage.sent()); });
    CHECK(stage.remove("a").has_value());
    auto const ended = stage.wait(call);
    REQUIRE(ended.has_value());
    check_deleted(*ended);
    CHECK(ended->started_on == session_state::fresh);
    CHECK(ended->generation == 1);
    check_nothing_left(stage);
}

TEST_CASE("a kernel that dies at any step is told by its cell or by the next", "[service][end]") {
    fake_host host;
    service_stage stage(host);
    SECTION("while it becomes ready") {
        stage.hold_kernels = true;
        auto const call = stage.run("a");
        stage.until([&] { return !stage.kernels.empty() && stage.kernel().adopting; });
        host.runtime.die(SIGSEGV);
        auto const refused = stage.wait(call);
        REQUIRE(refused.has_error());
        CHECK(refused.error().code == errc::runtime_unavailable);
        stage.hold_kernels = false;
        CHECK(stage.ran("a").started_on == session_state::fresh);
    }
    SECTION("while it runs a cell") {
        auto const call = stage.run("a");
        stage.until([&] { return stage.sent(); });
        host.runtime.die(SIGKILL, 1);
        auto const ended = stage.wait(call);
        REQUIRE(ended.has_value());
        CHECK(ended->what == outcome::died);
        CHECK(ended->died_of->kind == death_kind::oom);
        auto const next = stage.ran("a");
        CHECK(next.started_on == session_state::restarted);
        CHECK(next.reason == state_reason::oom);
    }
    SECTION("in the turn of its reply") {
        auto const call = stage.run("a");
        stage.until([&] { return stage.sent(); });
        stage.kernel().reply();
        host.runtime.die(SIGSEGV);
        REQUIRE(stage.wait(call).has_value());
        // A cell that comes before the end is seen is sent to a kernel that will not answer.
        stage.until([&] { return stage.look("a")->status == session_status::stopped; });
        CHECK(stage.ran("a").reason == state_reason::crash);
    }
    CHECK(stage.thrown.empty());
}

TEST_CASE("a session deleted while its kernel is put away is gone with it", "[service][end]") {
    fake_host host;
    service_stage stage(host);
    (void)stage.ran("a");
    host.runtime.verbs.hold("end");
    stage.ahead = idle;
    stage.api.reap();
    stage.until([&] { return host.runtime.verbs.waits("end"); });
    auto const gone = begin_delete(stage, "a");
    stage.settle();
    CHECK_FALSE(gone->has_value());
    CHECK(host.runtime.verbs.calls("end") == 1);  // not a second time meanwhile
    host.runtime.verbs.release("end");
    CHECK(stage.wait(gone).has_value());
    check_nothing_left(stage);
    CHECK(stage.ran("a").started_on == session_state::fresh);
}

TEST_CASE("a cell for a session whose kernel is put away waits for its end, then has a new one",
          "[service][end]") {
    fake_host host;
    service_stage stage(host);
    (void)stage.ran("a");
    host.runtime.verbs.hold("end");
    stage.ahead = idle;
    stage.api.reap();
    stage.until([&] { return host.runtime.verbs.waits("end"); });
    auto const call = stage.run("a");
    stage.settle();
    CHECK(host.runtime.verbs.calls("start") == 1);
    host.runtime.verbs.release("end");
    stage.until([&] { return stage.kernels.size() == 2 && stage.sent(); });
    stage.kernel().reply();
    CHECK(stage.wait(call)->reason == state_reason::idle_expired);
    CHECK(host.runtime.living() == 1);
}

TEST_CASE("what cannot be removed keeps its name and is removed later", "[service][end]") {
    fake_host host;
    service_stage stage(host);
    (void)stage.ran("a");
    auto const uid = host.store.sessions()->front().uid;
    host.workspaces.verbs.fail("remove");
    auto const failed = stage.remove("a");
    REQUIRE(failed.has_error());
    CHECK(failed.error().code == errc::internal);
    CHECK(stage.look("a").error().code == errc::session_not_found);
    CHECK(stage.wait(stage.run("a")).error().code == errc::no_capacity);
    CHECK(host.store.sessions()->size() == 1);
    (void)stage.ran("b");
    for (auto const& row : *host.store.sessions()) {
        CHECK((row.key.name == "a" || row.uid != uid));
    }
    CHECK(stage.remove("b").has_value());
    SECTION("by the reaper") {
        stage.api.reap();
        stage.settle();
        CHECK(host.store.sessions()->size() == 1);
        stage.ahead = std::chrono::seconds(2);
        stage.api.reap();
        stage.until([&] { return host.store.sessions()->empty(); });
    }
    SECTION("by a second deletion") { CHECK(stage.remove("a").has_value()); }
    SECTION("by the next broker") {
        service_stage next(host);
        CHECK(host.store.sessions()->empty());
    }
    check_nothing_left(stage);
}

TEST_CASE("a sandbox that could not be ended is ended when its session is deleted",
          "[service][end]") {
    fake_host host;
    service_stage stage(host);
    (void)stage.ran("a");
    host.runtime.verbs.fail("end");
    stage.ahead = idle;
    stage.api.reap();
    stage.until([&] { return told(host, "sandbox_not_removed"); });
    CHECK(host.runtime.living() == 1);
    CHECK(stage.remove("a").has_value());
    check_nothing_left(stage);
}

TEST_CASE("an expiry that was cut off is still an expiry", "[service][end]") {
    fake_host host;
    {
        service_stage stage(host);
        (void)stage.ran("a");
        stage.ahead = idle;
        stage.api.reap();
        stage.until([&] { return stage.look("a")->status == session_status::stopped; });
        stage.settle();
        stage.ahead = idle + expiry;
        host.workspaces.verbs.fail("remove");
        stage.api.reap();
        stage.until([&] { return told(host, "session_not_removed"); });
    }
    service_stage next(host);
    CHECK(host.store.sessions()->empty());
    auto const ended = next.ran("a");
    CHECK(ended.started_on == session_state::fresh);
    CHECK(ended.reason == state_reason::expired);
}

TEST_CASE("files of a session without a kernel are unmounted some seconds after their last use",
          "[service][end]") {
    fake_host host;
    service_stage stage(host);
    auto upload =
        stage.get(stage.api.begin_upload({"default", "a"}, *workspace_path::from_text("file"), {}));
    REQUIRE(upload.has_value());
    CHECK(host.workspaces.mounted() == 1);
    stage.ahead = std::chrono::seconds(10);
    stage.api.reap();
    stage.settle();
    CHECK(host.workspaces.mounted() == 1);  // the upload is under way
    upload = fail(errc::internal, "let go");
    host.workspaces.verbs.fail("unmount");
    stage.api.reap();
    stage.until([&] { return told(host, "workspace_not_unmounted"); });
    stage.ahead = std::chrono::seconds(20);
    stage.api.reap();
    stage.until([&] { return host.workspaces.mounted() == 0; });
    CHECK(stage.get(stage.api.list_session_files({"default", "a"}, {})).has_value());
    CHECK(host.workspaces.mounted() == 1);
    CHECK(host.workspaces.count() == 1);
}

TEST_CASE("a session goes with the upload that made it, if nobody else has used it",
          "[service][end]") {
    fake_host host;
    service_stage stage(host);
    auto const call = std::make_shared<upload_call>();
    auto const begin = [&](char const* file) {
        return stage.get(
            stage.api.begin_upload({"default", "a"}, *workspace_path::from_text(file), {}, call));
    };
    auto const undo = [&] {
        (void)stage.get([](service& api, std::shared_ptr<upload_call> of) -> task<bool> {
            co_await api.undo_upload(std::move(of));
            co_return true;
        }(stage.api, call));
    };
    SECTION("it made it") {
        REQUIRE(begin("one").has_value());
        REQUIRE(begin("two").has_value());
        undo();
        check_nothing_left(stage);
        CHECK(begin("three").error().code == errc::session_not_found);
        CHECK(stage.ran("a").started_on == session_state::fresh);
    }
    SECTION("its workspace could not be made") {
        host.workspaces.verbs.fail("create");
        REQUIRE(begin("one").has_error());
        undo();
        check_nothing_left(stage);
    }
    SECTION("a cell has run there since") {
        REQUIRE(begin("one").has_value());
        (void)stage.ran("a");
        undo();
        CHECK(stage.look("a").has_value());
    }
    SECTION("a file call has looked there since") {
        REQUIRE(begin("one").has_value());
        CHECK(stage.get(stage.api.list_session_files({"default", "a"}, {})).has_value());
        undo();
        CHECK(stage.look("a").has_value());
    }
    SECTION("it was there before") {
        (void)stage.ran("a");
        REQUIRE(begin("one").has_value());
        undo();
        CHECK(stage.look("a").has_value());
    }
    CHECK(stage.thrown.empty());
}
