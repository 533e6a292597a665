// SPDX-License-Identifier: Apache-2.0
// Interrupts, restarts and keys over fakes: what holds when they come at each other's time.
// Never a real kernel.
#include "tests/support/service_stage.hpp"

using namespace broker;
using namespace test;

namespace {

using restarted = answer<result<session_view>>;

restarted restart(service_stage& stage, std::string name) {
    return stage.begin(stage.api.restart_session({"default", std::move(name)}));
}

answer<result<execution_ticket>> submit(service_stage& stage, std::string name, std::string code,
                                        std::optional<std::string> key = {}) {
    execution_options options{.code = std::move(code)};
    options.idempotency_key = std::move(key);
    return stage.begin(stage.api.submit({"default", std::move(name)}, std::move(options), true));
}

execution_ticket ticket(service_stage& stage, answer<result<execution_ticket>> const& there) {
    auto got = stage.wait(there);
    REQUIRE(got.has_value());
    return *got;
}

void run_to_end(service_stage& stage, execution_ticket const& what) {
    stage.until([&] { return stage.sent(); });
    stage.kernel().reply();
    stage.until([&] { return what.has_ended(); });
}

}  // namespace

TEST_CASE("a restart of an idle session is a new kernel, told once", "[service][restart]") {
    fake_host host;
    service_stage stage(host);
    (void)stage.ran("a");
    auto const view = stage.wait(restart(stage, "a"));
    REQUIRE(view.has_value());
    CHECK(view->generation == 2);
    CHECK(view->status == session_status::idle);
    CHECK(host.runtime.living() == 1);
    auto const next = stage.ran("a");
    CHECK(next.started_on == session_state::restarted);
    CHECK(next.reason == state_reason::restart_requested);
    CHECK(stage.ran("a").started_on == session_state::kept);
    CHECK(stage.thrown.empty());
}

TEST_CASE("a restart ends what runs as interrupted, and what waits runs on", "[service][restart]") {
    fake_host host;
    service_stage stage(host);
    (void)stage.ran("a");
    auto const running = stage.run("a", "1");
    stage.until([&] { return stage.sent(); });
    auto const waiting = stage.run("a", "2");
    auto const done = restart(stage, "a");
    auto const stopped = stage.wait(running);
    REQUIRE(stopped.has_value());
    CHECK(stopped->what == outcome::interrupted);
    CHECK_FALSE(stopped->variables_kept);
    CHECK_FALSE(stopped->died_of.has_value());
    stage.until([&] { return stage.kernels.size() == 2 && stage.sent(); });
    stage.kernel().reply();
    auto const next = stage.wait(waiting);
    CHECK(next->started_on == session_state::restarted);
    CHECK(next->reason == state_reason::restart_requested);
    REQUIRE(stage.wait(done).has_value());
    CHECK(stage.thrown.empty());
}

TEST_CASE("restarts that come together end together", "[service][restart]") {
    fake_host host;
    service_stage stage(host);
    (void)stage.ran("a");
    auto const one = restart(stage, "a");
    auto const two = restart(stage, "a");
    CHECK(stage.wait(one).has_value());
    CHECK(stage.wait(two).has_value());
    CHECK(host.runtime.living() == 1);
    CHECK(stage.ran("a").reason == state_reason::restart_requested);
}

TEST_CASE("a session that is deleted while it restarts is gone", "[service][restart]") {
    fake_host host;
    service_stage stage(host);
    (void)stage.ran("a");
    host.runtime.verbs.hold("settle");
    auto const done = restart(stage, "a");
    stage.until([&] { return host.runtime.verbs.waits("settle"); });
    auto const gone = stage.begin(stage.api.delete_session({"default", "a"}));
    stage.settle();
    host.runtime.verbs.release("settle");
    CHECK(stage.wait(gone).has_value());
    CHECK_FALSE(stage.wait(done).has_value());
    CHECK(host.runtime.living() == 0);
    CHECK(stage.thrown.empty());
}

TEST_CASE("a restart that finds no room says so, and the next one may", "[service][restart]") {
    fake_host host;
    service_stage stage(host);
    (void)stage.ran("a");
    host.runtime.verbs.fail("start");
    CHECK_FALSE(stage.wait(restart(stage, "a")).has_value());
    CHECK(stage.wait(restart(stage, "a")).has_value());
    CHECK(stage.ran("a").reason == state_reason::restart_requested);
}

TEST_CASE("a restart while a cell is being concluded costs the next one nothing",
          "[service][restart]") {
    fake_host host;
    service_stage stage(host);
    (void)stage.ran("a");
    auto const first = stage.run("a", "1");
    stage.until([&] { return stage.sent(); });
    auto const waiting = stage.run("a", "2");
    host.runtime.verbs.hold("end");  // the old kernel takes its time to go
    restarted done;
    stage.on_step = [&](std::string_view step) {
        if (step == step::replied && !done) {
            done = restart(stage, "a");
        }
    };
    stage.kernel().reply();
    auto const ended = stage.wait(first);
    CHECK(ended->what == outcome::ok);
    CHECK(ended->variables_kept);
    stage.until([&] { return host.runtime.verbs.waits("end"); });
    stage.settle();
    CHECK(stage.kernels.size() == 1);
    CHECK(stage.kernel().codes == std::vector<std::string>{"1", "1"});
    host.runtime.verbs.release("end");
    stage.until([&] { return stage.kernels.size() == 2 && stage.sent(); });
    stage.kernel().reply();
    auto const next = stage.wait(waiting);
    CHECK(next->what == outcome::ok);
    CHECK(next->started_on == session_state::restarted);
    CHECK(next->reason == state_reason::restart_requested);
    CHECK(stage.wait(done).has_value());
    CHECK(stage.thrown.empty());
}

TEST_CASE("an end that the store refuses is answered, found, and stored later",
          "[service][executions]") {
    fake_host host;
    service_stage stage(host);
    (void)stage.ran("a");
    auto const one = ticket(stage, submit(stage, "a", "x", "k"));
    stage.until([&] { return stage.sent(); });
    host.store.verbs.fail("finish_execution", 2);
    stage.kernel().reply();
    stage.until([&] { return one.has_ended(); });
    auto const text = *stage.get(stage.api.text_of(one));
    auto const check = [&] {
        auto const found = stage.get(stage.api.find_execution("default", one.id));
        REQUIRE(found.has_value());
        CHECK(found->has_ended());
        CHECK(*stage.get(stage.api.text_of(*found)) == text);
        auto const again = ticket(stage, submit(stage, "a", "x", "k"));
        CHECK(again.id == one.id);
        CHECK(*stage.get(stage.api.text_of(again)) == text);
    };
    check();
    stage.api.reap();  // refused once more
    CHECK(host.store.unfinished_executions()->size() == 1);
    check();
    stage.api.reap();
    CHECK(host.store.unfinished_executions()->empty());
    check();
    auto const stored = stage.get(stage.api.find_execution("default", one.id));
    CHECK(stored->row.has_value());
    auto const reader = *stage.get(stage.api.read_events(*stored, 0, true));
    std::vector<event_type> types;
    for (bool more = true; more;) {
        auto const batch = stage.get(reader->next(steady_time::max()));
        for (auto const& event : batch->events) {
            types.push_back(event.type);
        }
        more = !batch->ended;
    }
    CHECK(types == std::vector{event_type::queued, event_type::started, event_type::end});
}

TEST_CASE("a refusal that the store cannot forget is forgotten later", "[service][idempotency]") {
    fake_host host;
    service_stage stage(host);
    (void)stage.ran("a");
    auto const running = stage.run("a", "1");
    stage.until([&] { return stage.sent(); });
    execution_options options{.code = "x"};
    options.idempotency_key = "k";
    auto const waiting = stage.get(stage.api.submit({"default", "a"}, options, false));
    host.store.verbs.fail("send_execution");
    host.store.verbs.fail("forget_execution");
    stage.kernel().reply();
    CHECK(stage.wait(running)->what == outcome::ok);
    CHECK_FALSE(stage.get(stage.api.wait(*waiting)).has_value());
    CHECK(host.store.unfinished_executions()->size() == 1);
    stage.api.reap();
    CHECK(host.store.unfinished_executions()->empty());
    auto const again = ticket(stage, submit(stage, "a", "x", "k"));
    CHECK_FALSE(again.joined);
}

TEST_CASE("what has ended too long ago goes although nothing runs any more",
          "[service][executions]") {
    fake_host host;
    service_stage stage(host);
    (void)stage.ran("a");
    auto const one = ticket(stage, submit(stage, "a", "x"));
    run_to_end(stage, one);
    (void)stage.ran("a");  // the newest stays
    stage.api.reap();
    CHECK(stage.get(stage.api.find_execution("default", one.id)).has_value());
    stage.wall_ahead = std::chrono::hours(24 * 365);
    stage.api.reap();
    CHECK(stage.get(stage.api.find_execution("default", one.id)).error().code ==
          errc::execution_expired);
}

TEST_CASE("only the last of those who sent it ends it by leaving", "[service][idempotency]") {
    fake_host host;
    service_stage stage(host);
    (void)stage.ran("a");
    auto const first = ticket(stage, submit(stage, "a", "x", "k"));
    stage.until([&] { return stage.sent(); });
    auto const second = ticket(stage, submit(stage, "a", "x", "k"));
    stage.api.leave(first);
    CHECK(stage.kernel().interrupts == 0);
    stage.api.leave(second);
    CHECK(stage.kernel().interrupts == 1);
    stage.kernel().reply();
    stage.until([&] { return stage.kernel().adopting; });
    stage.kernel().heard();
    stage.until([&] { return first.has_ended(); });
    stage.api.leave(ticket(stage, submit(stage, "a", "x", "k")));
    CHECK(first.live.what->view.what == outcome::interrupted);
}

TEST_CASE("one key is one execution, while it runs and later", "[service][idempotency]") {
    fake_host host;
    service_stage stage(host);
    (void)stage.ran("a");
    auto const first = ticket(stage, submit(stage, "a", "x", "k"));
    stage.until([&] { return stage.sent(); });
    auto const second = ticket(stage, submit(stage, "a", "x", "k"));
    CHECK(second.id == first.id);
    CHECK(second.joined);
    CHECK(stage.wait(submit(stage, "a", "y", "k")).error().code == errc::idempotency_mismatch);
    stage.kernel().reply();
    stage.until([&] { return first.has_ended(); });
    auto const third = ticket(stage, submit(stage, "a", "x", "k"));
    CHECK(third.id == first.id);
    CHECK(third.row.has_value());
    CHECK(stage.kernel().codes == std::vector<std::string>{"1", "x"});
    CHECK(*stage.get(stage.api.text_of(third)) == *stage.get(stage.api.text_of(first)));
}

TEST_CASE("what is refused has not used up its key", "[service][idempotency]") {
    fake_host host;
    service_stage stage(host);
    (void)stage.ran("a");
    host.store.verbs.fail("send_execution");
    execution_options options{.code = "x"};
    options.idempotency_key = "k";
    auto const refused = stage.get(stage.api.submit({"default", "a"}, options, false));
    REQUIRE(refused.has_value());
    CHECK_FALSE(stage.get(stage.api.wait(*refused)).has_value());
    auto const again = ticket(stage, submit(stage, "a", "x", "k"));
    CHECK_FALSE(again.joined);
    run_to_end(stage, again);
    CHECK(again.live.what->view.what == outcome::ok);
}

TEST_CASE("another tenant's execution is none", "[service][executions]") {
    fake_host host;
    service_stage stage(host);
    auto const mine = ticket(stage, submit(stage, "a", "x"));
    CHECK(stage.get(stage.api.find_execution("default", mine.id)).has_value());
    CHECK(stage.get(stage.api.find_execution("other", mine.id)).error().code ==
          errc::execution_not_found);
    run_to_end(stage, mine);
    CHECK(stage.get(stage.api.find_execution("default", mine.id)).has_value());
    CHECK(stage.get(stage.api.find_execution("other", mine.id)).error().code ==
          errc::execution_not_found);
}

TEST_CASE("an interrupt before the kernel was told is a cancellation", "[service][interrupt]") {
    fake_host host;
    service_stage stage(host);
    host.runtime.verbs.hold("settle");
    auto const one = ticket(stage, submit(stage, "a", "x"));
    stage.until([&] { return host.runtime.verbs.waits("settle"); });
    CHECK(stage.api.interrupt_execution(one).has_value());
    CHECK(one.has_ended());
    CHECK(one.live.what->view.what == outcome::cancelled);
    CHECK(stage.api.interrupt_execution(one).error().code == errc::already_ended);
    host.runtime.verbs.release("settle");
    stage.settle();
    CHECK(stage.kernel().codes.empty());
}

TEST_CASE("an interrupted kernel that does not answer any more is replaced",
          "[service][interrupt]") {
    fake_host host;
    service_stage stage(host);
    (void)stage.ran("a");
    auto const one = ticket(stage, submit(stage, "a", "x"));
    stage.until([&] { return stage.sent(); });
    CHECK(stage.api.interrupt_execution(one).has_value());
    CHECK(stage.kernel().interrupts == 1);
    stage.kernel().reply();
    stage.until([&] { return stage.kernel().adopting; });
    SECTION("it answers") {
        stage.kernel().heard();
        stage.until([&] { return one.has_ended(); });
        CHECK(one.live.what->view.variables_kept);
        CHECK(host.runtime.living() == 1);
    }
    SECTION("it does not") {
        stage.kernel().not_heard(kernelproto::client_errc::timed_out);
        stage.until([&] { return one.has_ended(); });
        CHECK_FALSE(one.live.what->view.variables_kept);
        CHECK(host.runtime.living() == 0);
    }
    CHECK(one.live.what->view.what == outcome::interrupted);
}
