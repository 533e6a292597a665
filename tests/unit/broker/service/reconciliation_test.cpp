// SPDX-License-Identifier: Apache-2.0
// What a broker finds of the one before it, over fakes. Never a real kernel.
#include "tests/support/service_stage.hpp"

using namespace broker;
using namespace test;

namespace {

/// Sessions `a` and `b` with a kernel each, left behind by a broker that was killed.
void leave_two_sessions(fake_host& host) {
    service_stage stage(host);
    (void)stage.ran("a");
    (void)stage.ran("b");
}

/// A cell of session `a` was sent, and the broker killed.
void leave_a_cell(fake_host& host, std::optional<double> timeout_s) {
    service_stage stage(host);
    auto const call = stage.run("a", "cell", timeout_s);
    stage.until([&] { return stage.sent(); });
}

}  // namespace

TEST_CASE("what cannot be read is not removed, and is read again", "[service][reconciliation]") {
    fake_host host;
    leave_two_sessions(host);
    auto const verb = GENERATE(as<std::string>{}, "sessions", "sandboxes", "unfinished_executions",
                               "note", "list", "list of workspaces");
    auto& verbs = verb == "list"                 ? host.runtime.verbs
                  : verb == "list of workspaces" ? host.workspaces.verbs
                                                 : host.store.verbs;
    auto const name = verb.substr(0, verb.find(' '));
    verbs.fail(name, 1000);
    service_stage stage(host, false);
    stage.tasks.spawn(stage.api.reconcile());
    stage.until([&] {
        return stage.get(stage.api.ready()).missing.front().detail.find("cannot") !=
               std::string::npos;
    });
    CHECK(host.runtime.living() == 2);
    CHECK(host.workspaces.count() == 2);
    CHECK(stage.look("a").error().code == errc::draining);
    CHECK(stage.remove("a").error().code == errc::draining);
    CHECK(stage.wait(stage.run("a")).error().code == errc::draining);
    CHECK(stage.get(stage.api.list_session_files({"default", "a"}, {})).error().code ==
          errc::draining);
    CHECK(stage.get(stage.api.list_sessions("default", 10, "", {})).error().code == errc::draining);
    if (verb == "sessions") {  // the others would only wait as long again
        auto const tried = verbs.calls(name);
        stage.until([&] { return verbs.calls(name) > tried; });
        CHECK(stage.look("a").error().code == errc::draining);
    }
    verbs.free_all();
    stage.until([&] { return stage.ready(); });
    for (auto const& kernel : stage.kernels) {
        kernel->heard();
    }
    stage.settle();
    CHECK(stage.look("a")->status == session_status::idle);
    CHECK(stage.look("b")->status == session_status::idle);
    CHECK(host.runtime.living() == 2);
    CHECK(stage.thrown.empty());
}

TEST_CASE("a living kernel is not ended for want of descriptors, and is taken up later",
          "[service][reconciliation]") {
    fake_host host;
    leave_two_sessions(host);
    host.runtime.verbs.fail("room to adopt", 1000);
    service_stage stage(host, false);
    stage.tasks.spawn(stage.api.reconcile());
    stage.until([&] {
        return stage.get(stage.api.ready()).missing.front().detail.find("cannot") !=
               std::string::npos;
    });
    CHECK(host.runtime.living() == 2);
    CHECK(host.runtime.verbs.calls("end") == 0);
    CHECK(stage.look("a").error().code == errc::draining);
    host.runtime.verbs.free_all();
    stage.until([&] { return stage.ready(); });
    for (auto const& kernel : stage.kernels) {
        kernel->heard();
    }
    stage.settle();
    CHECK(stage.look("a")->status == session_status::idle);
    CHECK(stage.look("b")->status == session_status::idle);
    CHECK(host.runtime.living() == 2);
    CHECK(stage.thrown.empty());
}

TEST_CASE("a kernel that cannot be connected to for want of descriptors is tried again",
          "[service][reconciliation]") {
    fake_host host;
    {
        service_stage stage(host);
        (void)stage.ran("a");
    }
    service_stage stage(host);
    stage.until([&] { return stage.kernels.size() == 1 && stage.kernel().adopting; });
    stage.kernel().fail(kernelproto::link_failure::no_resources);
    stage.kernel().not_heard(kernelproto::client_errc::unreachable);
    stage.until([&] { return stage.kernels.size() == 2 && stage.kernel().adopting; });
    CHECK(host.runtime.living() == 1);
    stage.kernel().heard();
    stage.settle();
    CHECK(stage.look("a")->status == session_status::idle);
    CHECK(host.runtime.living() == 1);
    CHECK(stage.thrown.empty());
}

TEST_CASE("what has no row is removed, and what has one is not", "[service][reconciliation]") {
    fake_host host;
    leave_two_sessions(host);
    auto const rows = *host.store.sessions();
    // Made in the same millisecond, they come in any order.
    auto const& a = rows[0].key.name == "a" ? rows[0] : rows[1];
    REQUIRE(host.store.forget_session(a.id));
    service_stage stage(host);
    CHECK(host.runtime.living() == 1);
    CHECK(host.workspaces.count() == 1);
    stage.kernel().heard();
    stage.settle();
    CHECK(stage.ran("b").started_on == session_state::kept);
}

TEST_CASE("the time limit of a cell holds for whoever adopts its kernel",
          "[service][reconciliation]") {
    fake_host host;
    host.config.executions.interrupt_grace_s = 7;
    leave_a_cell(host, 0.001);  // overdue when it is adopted
    service_stage stage(host);
    stage.until([&] { return stage.kernel().interrupts > 0; });
    CHECK(stage.kernel().interrupts == 1);
    CHECK(stage.look("a")->status == session_status::busy);
    auto const next = stage.run("a", "next");
    SECTION("it gives way") {
        stage.kernel().reply();
        stage.until([&] { return stage.kernel().adopting; });
        stage.kernel().heard();
        stage.until([&] { return stage.sent(); });
        stage.kernel().reply();
        CHECK(stage.wait(next)->started_on == session_state::kept);
        CHECK(host.runtime.living() == 1);
    }
    SECTION("it gives way, and answers nothing more") {
        stage.kernel().reply();
        stage.until([&] { return stage.kernel().adopting; });
        stage.kernel().not_heard(kernelproto::client_errc::timed_out);
        stage.until([&] { return stage.kernels.size() == 2 && stage.sent(); });
        stage.kernel().reply();
        auto const ended = stage.wait(next);
        CHECK(ended->started_on == session_state::restarted);
        CHECK(ended->reason == state_reason::timeout_kill);
    }
    CHECK(host.store.unfinished_executions()->empty());
    CHECK(stage.thrown.empty());
}

TEST_CASE("a cell within its time limit is not interrupted by whoever adopts its kernel",
          "[service][reconciliation]") {
    fake_host host;
    host.config.executions.interrupt_grace_s = 7;
    leave_a_cell(host, 500);
    service_stage stage(host);
    stage.until([&] { return stage.sent(); });
    CHECK(stage.kernel().interrupts == 0);
    stage.kernel().reply();
    stage.until([&] { return stage.kernel().adopting; });
    stage.kernel().heard();
    stage.settle();
    CHECK(stage.ran("a").started_on == session_state::kept);
    CHECK(stage.kernel().interrupts == 0);
}

TEST_CASE("a loss of which the telling was cut off is told again", "[service][reconciliation]") {
    fake_host host;
    {
        service_stage stage(host);
        (void)stage.ran("a");
        host.runtime.die(SIGSEGV);
        stage.until([&] { return stage.look("a")->status == session_status::stopped; });
        auto const untold = stage.run("a");
        stage.until([&] { return stage.kernels.size() == 2 && stage.sent(); });
    }
    service_stage stage(host);
    stage.until([&] { return stage.sent(); });
    stage.kernel().reply();
    stage.until([&] { return stage.kernel().adopting; });
    stage.kernel().heard();
    stage.settle();
    auto const next = stage.ran("a");
    CHECK(next.started_on == session_state::restarted);
    CHECK(next.reason == state_reason::crash);
    CHECK(next.generation == 2);
    CHECK(stage.ran("a").started_on == session_state::kept);
}

TEST_CASE("files that are gone are told as lost, by whatever comes next",
          "[service][reconciliation]") {
    fake_host host;
    leave_two_sessions(host);
    host.workspaces.lose_all();
    SECTION("when its kernel lives") {
        service_stage stage(host);
        CHECK(host.runtime.living() == 0);
        auto const ended = stage.ran("a");
        CHECK(ended.started_on == session_state::lost);
        CHECK(ended.reason == state_reason::runtime_lost);
        CHECK(stage.ran("a").started_on == session_state::kept);
    }
    SECTION("when its kernel is gone") {
        host.runtime.die(SIGKILL);
        service_stage stage(host);
        CHECK(host.workspaces.verbs.calls("create") == 2);  // of the broker before
        CHECK(stage.ran("b").started_on == session_state::lost);
    }
}

TEST_CASE("the reason of a loss is the first thing that took the kernel",
          "[service][reconciliation]") {
    fake_host host;
    leave_two_sessions(host);
    auto expected = state_reason::runtime_lost;
    SECTION("the host was started again") {
        host.runtime.die(SIGKILL);
        REQUIRE(host.store.set_note("boot_id", "of another boot"));
        expected = state_reason::host_restart;
    }
    SECTION("it died") {
        host.runtime.die(SIGKILL, 1);
        expected = state_reason::oom;
    }
    SECTION("it lives and cannot be taken up") { host.runtime.verbs.fail("adopt", 2); }
    service_stage stage(host);
    CHECK(stage.ran("a").reason == expected);
    CHECK(host.runtime.living() == 1);
}

TEST_CASE("an adopted kernel that dies is told by how it died", "[service][reconciliation]") {
    fake_host host;
    leave_two_sessions(host);
    service_stage stage(host);
    host.runtime.die(SIGKILL, 1);
    stage.until([&] { return stage.look("a")->status == session_status::stopped; });
    CHECK(stage.ran("a").reason == state_reason::oom);
}

TEST_CASE("a session deleted while its kernel is heard out is gone", "[service][reconciliation]") {
    fake_host host;
    leave_a_cell(host, 500);
    service_stage stage(host);
    auto const waiting = stage.run("a");
    CHECK(stage.remove("a").has_value());
    CHECK(stage.wait(waiting)->what == outcome::cancelled);
    CHECK(host.runtime.living() == 0);
    CHECK(host.workspaces.count() == 0);
    CHECK(stage.thrown.empty());
}

TEST_CASE("sessions without a kernel are unmounted after a start", "[service][reconciliation]") {
    fake_host host;
    leave_two_sessions(host);
    host.runtime.die(SIGKILL);
    service_stage stage(host);
    CHECK(host.workspaces.mounted() == 2);
    stage.api.reap();
    stage.until([&] { return host.workspaces.mounted() == 0; });
    CHECK(host.workspaces.count() == 2);
}

namespace {

execution_id left_waiting(service_stage& stage, std::string code, std::optional<std::string> key,
                          bool promised) {
    execution_options options{.code = std::move(code), .timeout_s = 500};
    options.idempotency_key = std::move(key);
    auto const there = stage.get(stage.api.submit({"default", "a"}, std::move(options), promised));
    REQUIRE(there.has_value());
    return there->id;
}

/// A cell of session `a` runs, and four wait: by key, by promise, for nobody, by promise.
std::vector<execution_id> leave_a_queue(service_stage& stage) {
    (void)stage.run("a", "cell", 500);
    stage.until([&] { return stage.sent(); });
    std::vector<execution_id> ids;
    ids.push_back(left_waiting(stage, "keyed", "k", false));
    ids.push_back(left_waiting(stage, "promised", {}, true));
    ids.push_back(left_waiting(stage, "nobody's", {}, false));
    ids.push_back(left_waiting(stage, "", {}, true));
    return ids;
}

/// The same; the broker was killed, and the kernel too.
std::vector<execution_id> leave_a_dead_queue(fake_host& host) {
    std::vector<execution_id> ids;
    {
        service_stage stage(host);
        ids = leave_a_queue(stage);
    }
    host.runtime.die(SIGKILL);
    return ids;
}

execution_row row_of(fake_host& host, execution_id const& id) {
    auto const row = host.store.execution(id);
    REQUIRE((row.has_value() && row->has_value()));
    return **row;
}

}  // namespace

TEST_CASE("what waited where somebody asks for it runs in the next broker, in order",
          "[service][reconciliation][requeue]") {
    fake_host host;
    std::vector<execution_id> ids;
    bool const killed = GENERATE(true, false);
    bool const kernel_lives = GENERATE(true, false);
    {
        service_stage stage(host);
        ids = leave_a_queue(stage);
        if (!killed) {
            bool drained = false;
            boost::asio::co_spawn(stage.loop, stage.api.drain(stage.context.clock().steady),
                                  [&](std::exception_ptr) { drained = true; });
            stage.until([&] { return drained; });
        }
    }
    if (!kernel_lives) {
        host.runtime.die(SIGKILL);
    }
    CHECK(row_of(host, ids[0]).code == "keyed");
    service_stage next(host);
    std::vector<std::string> ran;
    if (kernel_lives) {
        next.until([&] { return next.sent(); });
        next.kernel().reply({kernelproto::end_cause::ended_unheard, std::nullopt});
        next.until([&] { return next.kernel().adopting; });
        next.kernel().heard();
    }
    for (int i = 0; i < 3; ++i) {
        next.until([&] { return next.sent() && next.kernel().codes.size() == ran.size() + 1; });
        ran.push_back(next.kernel().codes.back());
        next.kernel().reply();
    }
    next.until([&] { return host.store.unfinished_executions()->empty(); });
    CHECK(ran == std::vector<std::string>{"keyed", "promised", ""});
    for (auto const i : {0U, 1U, 3U}) {
        CHECK(row_of(host, ids[i]).what == outcome::ok);
        CHECK_FALSE(row_of(host, ids[i]).code.has_value());
    }
    if (killed) {
        CHECK(row_of(host, ids[2]).what == outcome::cancelled);
    } else {
        CHECK_FALSE(host.store.execution(ids[2])->has_value());
    }
    CHECK(next.thrown.empty());
}

TEST_CASE("what waited past its time limit while no broker ran is not run",
          "[service][reconciliation][requeue]") {
    fake_host host;
    auto const ids = leave_a_dead_queue(host);
    service_stage next(host, false);
    next.ahead = std::chrono::seconds(1001);
    next.tasks.spawn(next.api.reconcile());
    next.until([&] { return next.ready(); });
    next.settle();
    CHECK(next.kernels.empty());
    CHECK(row_of(host, ids[0]).what == outcome::timeout);
    CHECK(host.store.unfinished_executions()->empty());
}

TEST_CASE("what waits for a kernel that cannot be started yet is tried again",
          "[service][reconciliation][requeue]") {
    fake_host host;
    auto const ids = leave_a_dead_queue(host);
    host.runtime.verbs.fail("start");
    service_stage next(host);
    next.until([&] { return next.sent(); });
    CHECK(next.kernel().codes.back() == "keyed");
    CHECK(host.runtime.verbs.calls("start") == 3);
}

TEST_CASE("what waited when its host failed is not run: it may have been sent",
          "[service][reconciliation][requeue]") {
    fake_host host;
    auto const ids = leave_a_dead_queue(host);
    REQUIRE(host.store.set_note("boot_id", "another boot").has_value());
    service_stage next(host);
    next.settle();
    CHECK(next.kernels.empty());
    CHECK(row_of(host, ids[0]).what == outcome::cancelled);
}

TEST_CASE("what was to end with its client's connection ends with the broker",
          "[service][reconciliation][requeue]") {
    fake_host host;
    {
        service_stage stage(host);
        (void)stage.run("a", "cell", 500);
        stage.until([&] { return stage.sent(); });
        execution_options options{.code = "x", .interrupt_on_disconnect = true};
        options.idempotency_key = "k";
        REQUIRE(stage.get(stage.api.submit({"default", "a"}, options, true)).has_value());
        options.idempotency_key = "long";
        options.interrupt_on_disconnect = false;
        options.code = std::string(code_in_table_bytes + 1, '#');
        REQUIRE(stage.get(stage.api.submit({"default", "a"}, options, true)).has_value());
    }
    for (auto const& row : *host.store.unfinished_executions()) {
        CHECK_FALSE(row.code.has_value());
    }
}

TEST_CASE("a client that waits when the broker ends is told that its execution is kept",
          "[service][drain][requeue]") {
    fake_host host;
    service_stage stage(host);
    (void)stage.run("a", "cell", 500);
    stage.until([&] { return stage.sent(); });
    execution_options options{.code = "x"};
    options.idempotency_key = "k";
    bool const promised = GENERATE(true, false);
    auto const there = stage.get(stage.api.submit({"default", "a"}, options, promised));
    REQUIRE(there.has_value());
    event_reader reader(there->live.what->log, 0, true);
    auto const waits = stage.begin(stage.api.wait(*there));
    boost::asio::co_spawn(stage.loop, stage.api.drain(stage.context.clock().steady),
                          [](std::exception_ptr) {});
    auto const told = stage.wait(waits);
    if (promised) {
        REQUIRE(told.has_value());
        CHECK_FALSE(*told);
        CHECK(stage.get(stage.api.text_of(*there))->find("\"state\":\"queued\"") !=
              std::string::npos);
    } else {
        CHECK(told.error().code == errc::draining);
        CHECK(told.error().detail.find("Idempotency-Key") != std::string::npos);
    }
    CHECK(stage.get(reader.next(steady_time::max()))->events.size() == 1);
    CHECK_FALSE(stage.get(reader.next(steady_time::max()))->ended);
    CHECK(reader.log_left());
}

TEST_CASE("what waits is run by the next broker with its arguments",
          "[service][reconciliation][requeue]") {
    fake_host host;
    {
        service_stage stage(host);
        (void)stage.run("a", "cell", 500);
        stage.until([&] { return stage.sent(); });
        execution_options options{.code = "x", .timeout_s = 500, .argv = {"one", ""}};
        options.idempotency_key = "k";
        REQUIRE(stage.get(stage.api.submit({"default", "a"}, options, true)).has_value());
        options.argv = {"one"};
        CHECK(stage.get(stage.api.submit({"default", "a"}, options, true)).error().code ==
              errc::idempotency_mismatch);
    }
    host.runtime.die(SIGKILL);
    service_stage stage(host);
    stage.until([&] { return stage.sent(); });
    CHECK(stage.kernel().codes == std::vector<std::string>{"x"});
    CHECK(stage.kernel().argv == std::vector<std::string>{"one", ""});
}
