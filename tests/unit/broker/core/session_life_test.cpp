// SPDX-License-Identifier: Apache-2.0
#include "broker/core/session_life.hpp"

#include "tests/support/catch.hpp"

#include <stdexcept>
#include <string_view>

using broker::life_action;
using broker::life_record;
using broker::life_times;
using broker::moment;
using broker::session_life;
using broker::session_state;
using broker::session_status;
using broker::started_on;
using broker::state_reason;
using broker::wall_time;
using namespace std::chrono_literals;

namespace {

constexpr std::string_view python = "python";
constexpr std::string_view bash = "bash";

constexpr life_times times{.idle_timeout_s = 1800, .workspace_keep_s = 86400};

/// A point of both clocks, `seconds` after an arbitrary start.
moment at(double seconds) {
    return {wall_time{1'700'000'000'000ms} + broker::wall_seconds(seconds),
            broker::steady_time{} + 1000h + broker::steady_seconds(seconds)};
}

session_life started() {
    session_life life(times, at(0));
    life.on_start(python);
    life.on_ready(python, at(1));
    return life;
}

started_on run(session_life& life, std::optional<state_reason> gone = {}) {
    auto const truth = life.on_execution(python, at(2));
    life.on_execution_end(python, at(3), gone);
    return truth;
}

void restart(session_life& life) {
    life.on_start(python);
    life.on_ready(python, at(4));
}

}  // namespace

TEST_CASE("the first execution is fresh, the next ones are kept", "[core][life]") {
    auto life = started();
    CHECK(run(life) == started_on{session_state::fresh, {}, 1});
    CHECK(run(life) == started_on{session_state::kept, {}, 1});
    CHECK(run(life) == started_on{session_state::kept, {}, 1});
}

TEST_CASE("a session under a name that had expired says so once", "[core][life]") {
    session_life life(times, at(0), true);
    CHECK(life.peek(python) == started_on{session_state::fresh, state_reason::expired, 1});
    restart(life);
    CHECK(run(life) == started_on{session_state::fresh, state_reason::expired, 1});
    CHECK(run(life) == started_on{session_state::kept, {}, 1});
    life.on_kernel_gone(python, state_reason::idle_expired);
    restart(life);
    CHECK(run(life) == started_on{session_state::restarted, state_reason::idle_expired, 2});
}

TEST_CASE("every way to lose a kernel is told by its own reason, once", "[core][life]") {
    for (auto const why :
         {state_reason::oom, state_reason::crash, state_reason::exit, state_reason::timeout_kill,
          state_reason::unresponsive, state_reason::output_limit, state_reason::protocol,
          state_reason::runtime_lost}) {
        auto life = started();
        run(life);
        run(life, why);
        CHECK(life.status() == session_status::stopped);
        CHECK(life.peek(python) == started_on{session_state::restarted, why, 2});
        restart(life);
        CHECK(run(life) == started_on{session_state::restarted, why, 2});
        CHECK(run(life) == started_on{session_state::kept, {}, 2});
    }
}

TEST_CASE("a kernel that is gone between executions is told the same way", "[core][life]") {
    for (auto const why : {state_reason::idle_expired, state_reason::restart_requested,
                           state_reason::crash, state_reason::host_restart}) {
        auto life = started();
        run(life);
        life.on_kernel_gone(python, why);
        restart(life);
        CHECK(run(life) == started_on{session_state::restarted, why, 2});
    }
}

TEST_CASE("the reason that took the variables stays, whatever comes after", "[core][life]") {
    auto life = started();
    run(life, state_reason::oom);
    restart(life);
    life.on_kernel_gone(python, state_reason::idle_expired);
    restart(life);
    life.on_kernel_gone(python, state_reason::restart_requested);
    restart(life);
    CHECK(run(life) == started_on{session_state::restarted, state_reason::oom, 4});
}

TEST_CASE("a kernel that nobody used took nothing with it", "[core][life]") {
    auto life = started();
    life.on_kernel_gone(python, state_reason::crash);
    restart(life);
    CHECK(run(life) == started_on{session_state::fresh, {}, 2});
}

TEST_CASE("a start that failed is no generation and forgets no reason", "[core][life]") {
    auto life = started();
    run(life, state_reason::oom);
    CHECK(life.on_start(python) == 2);
    life.on_start_failed(python);
    CHECK(life.status() == session_status::stopped);
    CHECK(life.on_start(python) == 2);
    life.on_ready(python, at(5));
    CHECK(run(life) == started_on{session_state::restarted, state_reason::oom, 2});
}

TEST_CASE("a kernel lost while it started counts as a failed start", "[core][life]") {
    session_life life(times, at(0));
    life.on_start(python);
    life.on_kernel_gone(python, state_reason::crash);
    restart(life);
    CHECK(run(life) == started_on{session_state::fresh, {}, 1});
}

TEST_CASE("files that went before their time are lost, told once", "[core][life]") {
    auto life = started();
    run(life);
    life.on_kernel_gone(python, state_reason::host_restart);
    life.on_files_lost(state_reason::runtime_lost);
    CHECK(life.peek(python) == started_on{session_state::lost, state_reason::runtime_lost, 2});
    restart(life);
    CHECK(run(life) == started_on{session_state::lost, state_reason::runtime_lost, 2});
    CHECK(run(life) == started_on{session_state::kept, {}, 2});

    session_life files_only(times, at(0));
    files_only.on_files_lost(state_reason::runtime_lost);
    restart(files_only);
    CHECK(run(files_only).state == session_state::lost);
}

TEST_CASE("the truth survives the broker", "[core][life]") {
    auto before = started();
    run(before);
    session_life after(times, before.record(), at(10));
    CHECK(after.status() == session_status::stopped);
    SECTION("the kernel lives") {
        after.on_adopted(python, false);
        CHECK(run(after) == started_on{session_state::kept, {}, 1});
    }
    SECTION("the kernel lives and still runs") {
        after.on_adopted(python, true);
        CHECK(after.status() == session_status::busy);
        after.on_execution_end(python, at(11), {});
        CHECK(run(after) == started_on{session_state::kept, {}, 1});
    }
    SECTION("the kernel is gone") {
        after.on_adopted(python, false);
        after.on_kernel_gone(python, state_reason::host_restart);
        restart(after);
        CHECK(run(after) == started_on{session_state::restarted, state_reason::host_restart, 2});
    }
    SECTION("nobody knows what became of the kernel") {
        restart(after);
        CHECK(run(after) == started_on{session_state::restarted, state_reason::runtime_lost, 2});
    }
}

TEST_CASE("a reason not told before the broker ended is told after", "[core][life]") {
    auto before = started();
    run(before, state_reason::oom);
    session_life after(times, before.record(), at(10));
    restart(after);
    CHECK(run(after) == started_on{session_state::restarted, state_reason::oom, 2});
    session_life again(times, after.record(), at(20));
    again.on_adopted(python, false);
    CHECK(run(again) == started_on{session_state::kept, {}, 2});
}

TEST_CASE("an idle session is put away, and expires a day after", "[core][life]") {
    auto life = started();
    run(life);  // last used at 3
    CHECK(life.next_due() == at(3 + 1800).steady);
    CHECK(life.due(at(3 + 1799.9).steady) == life_action::none);
    CHECK(life.due(at(3 + 1800).steady) == life_action::put_away);
    life.on_kernel_gone(python, state_reason::idle_expired);
    CHECK(life.due(at(3 + 1800 + 86399).steady) == life_action::none);
    CHECK(life.due(at(3 + 1800 + 86400).steady) == life_action::expire);
    CHECK(life.expires_at() == at(3 + 1800 + 86400).wall);
}

TEST_CASE("use of any kind puts the end off", "[core][life]") {
    auto life = started();
    life.on_used(at(1000));
    CHECK(life.due(at(2799).steady) == life_action::none);
    CHECK(life.due(at(2800).steady) == life_action::put_away);
    life.on_execution(python, at(2000));
    CHECK_FALSE(life.next_due());
    CHECK(life.due(at(1e7).steady) == life_action::none);
    life.on_execution_end(python, at(9000), {});
    CHECK(life.next_due() == at(9000 + 1800).steady);
}

TEST_CASE("a wall clock that jumps ends no session early", "[core][life]") {
    auto life = started();
    run(life);
    moment const jumped{at(3 + 10 * 86400).wall, at(10).steady};
    CHECK(life.due(jumped.steady) == life_action::none);
    life.on_used(jumped);
    CHECK(life.next_due() == at(10 + 1800).steady);
}

TEST_CASE("time without a broker counts, a clock set back does not add any", "[core][life]") {
    auto before = started();
    run(before);  // last used at 3
    SECTION("the broker was away for a while") {
        session_life after(times, before.record(), {at(1003).wall, at(0).steady});
        after.on_adopted(python, false);
        CHECK(after.next_due() == at(800).steady);
    }
    SECTION("the broker was away for years") {
        session_life after(times, before.record(), {at(1e9).wall, at(0).steady});
        CHECK(after.due(at(0).steady) == life_action::expire);
    }
    SECTION("the wall clock was set back") {
        session_life after(times, before.record(), {at(-1e6).wall, at(0).steady});
        CHECK(after.next_due() == at(1800 + 86400).steady);
        CHECK(after.expires_at() == at(-1e6 + 1800 + 86400).wall);
    }
}

TEST_CASE("a closing session tells what it told before", "[core][life]") {
    session_life fresh(times, at(0));
    auto idle = started();
    auto used = started();
    (void)used.on_execution(python, at(2));
    auto stopped = used;
    stopped.on_kernel_gone(python, state_reason::oom);
    for (auto* life : {&fresh, &idle, &used, &stopped}) {
        auto const before = life->peek(python);
        life->on_close();
        CHECK(life->peek(python) == before);
    }
    CHECK(used.peek(python) == started_on{session_state::kept, std::nullopt, 1});
}

TEST_CASE("a closing session is never due", "[core][life]") {
    auto life = started();
    life.on_close();
    CHECK(life.status() == session_status::closing);
    CHECK_FALSE(life.next_due());
    CHECK(life.due(at(1e8).steady) == life_action::none);
}

TEST_CASE("a move that the state does not allow is a broken invariant", "[core][life]") {
    session_life life(times, at(0));
    CHECK_THROWS_AS(life.on_ready(python, at(1)), std::logic_error);
    CHECK_THROWS_AS(life.on_execution(python, at(1)), std::logic_error);
    CHECK_THROWS_AS(life.on_execution_end(python, at(1), {}), std::logic_error);
    CHECK_THROWS_AS(life.on_start_failed(python), std::logic_error);
    life.on_start(python);
    CHECK_THROWS_AS(life.on_start(python), std::logic_error);
    CHECK_THROWS_AS(life.on_untold(python, {}), std::logic_error);
    life.on_ready(python, at(1));
    CHECK_THROWS_AS(life.on_files_lost(state_reason::oom), std::logic_error);
    CHECK_THROWS_AS(life.on_start(python), std::logic_error);
    life.on_execution(python, at(2));
    CHECK_THROWS_AS(life.on_execution(python, at(2)), std::logic_error);
    life.on_close();
    CHECK_THROWS_AS(life.on_start(python), std::logic_error);
    CHECK_THROWS_AS(life.on_kernel_gone(python, state_reason::oom), std::logic_error);

    session_life without_kernel(times, at(0));
    without_kernel.on_adopted(python, false);
    CHECK_THROWS_AS(without_kernel.on_execution(python, at(1)), std::logic_error);
}

TEST_CASE("a kernel found dead at boot is told, however often it is said", "[core][life]") {
    auto before = started();
    run(before);
    session_life after(times, before.record(), at(10));
    after.on_kernel_gone(python, state_reason::host_restart);
    after.on_kernel_gone(python, state_reason::runtime_lost);
    CHECK(after.status() == session_status::stopped);
    restart(after);
    CHECK(run(after) == started_on{session_state::restarted, state_reason::host_restart, 2});

    session_life unused(times, at(0));
    unused.on_kernel_gone(python, state_reason::crash);
    CHECK(unused.record().kernels.empty());
    restart(unused);
    CHECK(run(unused) == started_on{session_state::fresh, {}, 1});
}

TEST_CASE("what an execution was to be told and was not is told to the next", "[core][life]") {
    moment const now{};
    life_record record;
    auto& kernel = record.kernels["python"];
    kernel = {.generation = 4, .told_generation = 4, .pending = {}};
    SECTION("a loss of variables") {
        session_life life({}, record, now);
        life.on_untold(python, {session_state::restarted, state_reason::oom, 4});
        life.on_adopted(python, false);
        CHECK(life.peek(python) == started_on{session_state::restarted, state_reason::oom, 4});
        (void)life.on_execution(python, now);
        life.on_execution_end(python, now, {});
        CHECK(life.peek(python).state == session_state::kept);
    }
    SECTION("a loss of files") {
        session_life life({}, record, now);
        life.on_untold(python, {session_state::lost, state_reason::host_restart, 4});
        CHECK(life.peek(python) == started_on{session_state::lost, state_reason::host_restart, 5});
    }
    SECTION("that it had expired") {
        kernel = {.generation = 1, .told_generation = 1, .pending = {}};
        session_life life({}, record, now);
        life.on_untold(python, {session_state::fresh, state_reason::expired, 1});
        life.on_adopted(python, false);
        CHECK(life.peek(python) == started_on{session_state::fresh, state_reason::expired, 1});
    }
    SECTION("nothing to tell, or of a kernel before") {
        session_life life({}, record, now);
        life.on_untold(python, {session_state::kept, std::nullopt, 4});
        life.on_untold(python, {session_state::restarted, state_reason::oom, 3});
        CHECK(life.record() == session_life({}, record, now).record());
    }
}

TEST_CASE("each language has generations and losses of its own", "[core][life]") {
    auto life = started();
    run(life);
    CHECK(life.peek(bash) == started_on{session_state::fresh, {}, 1});
    CHECK(life.on_start(bash) == 1);
    CHECK(life.status() == session_status::starting);
    CHECK(life.status(python) == session_status::idle);
    life.on_ready(bash, at(5));
    CHECK(life.status() == session_status::idle);
    CHECK(life.on_execution(bash, at(6)) == started_on{session_state::fresh, {}, 1});
    CHECK(life.status() == session_status::busy);
    CHECK_FALSE(life.next_due());
    life.on_execution_end(bash, at(7), state_reason::oom);
    CHECK(life.status() == session_status::idle);
    CHECK(life.status(bash) == session_status::stopped);
    CHECK(run(life) == started_on{session_state::kept, {}, 1});
    CHECK(life.peek(bash) == started_on{session_state::restarted, state_reason::oom, 2});

    session_life after(times, life.record(), at(8));
    after.on_kernel_gone(python, state_reason::host_restart);
    CHECK(after.peek(bash) == started_on{session_state::restarted, state_reason::oom, 2});
    CHECK(after.peek(python) ==
          started_on{session_state::restarted, state_reason::host_restart, 2});
}

TEST_CASE("a session of several kernels is put away when none is busy", "[core][life]") {
    auto life = started();
    life.on_start(bash);
    CHECK_FALSE(life.next_due());
    life.on_ready(bash, at(10));
    CHECK(life.next_due() == at(10 + 1800).steady);
    life.on_kernel_gone(bash, state_reason::crash);
    CHECK(life.due(at(10 + 1800).steady) == life_action::put_away);
    life.on_kernel_gone(python, state_reason::idle_expired);
    CHECK(life.due(at(10 + 1800).steady) == life_action::none);
    CHECK(life.due(at(10 + 1800 + 86400).steady) == life_action::expire);
}

TEST_CASE("lost files are told once to each language that was used", "[core][life]") {
    auto life = started();
    run(life);
    life.on_start(bash);
    life.on_ready(bash, at(5));
    (void)life.on_execution(bash, at(6));
    life.on_execution_end(bash, at(7), {});
    life.on_kernel_gone(python, state_reason::host_restart);
    life.on_kernel_gone(bash, state_reason::host_restart);
    life.on_files_lost(state_reason::runtime_lost);
    life.on_start(bash);
    life.on_ready(bash, at(8));
    CHECK(life.on_execution(bash, at(9)) ==
          started_on{session_state::lost, state_reason::runtime_lost, 2});
    life.on_execution_end(bash, at(10), {});
    life.on_start("py");
    life.on_ready("py", at(11));
    CHECK(life.on_execution("py", at(12)) == started_on{session_state::fresh, {}, 1});
    life.on_execution_end("py", at(13), {});
    session_life after(times, life.record(), at(14));
    restart(after);
    CHECK(run(after) == started_on{session_state::lost, state_reason::runtime_lost, 2});
    CHECK(run(after) == started_on{session_state::kept, {}, 2});
}
