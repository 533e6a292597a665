// SPDX-License-Identifier: Apache-2.0
#include "broker/core/verdict.hpp"

#include "tests/support/catch.hpp"

#include <functional>

using broker::death_kind;
using broker::end_cause;
using broker::execution_facts;
using broker::link_fault;
using broker::outcome;
using broker::raised_error;
using broker::reply_status;
using broker::sandbox_evidence;
using broker::state_reason;

namespace {

constexpr int exited(int status) { return status << 8; }
constexpr int signalled(int signal) { return signal; }

execution_facts completed() {
    return {.cause = end_cause::complete, .reply = reply_status::ok, .timeout_s = 60};
}

execution_facts raised(std::string ename, std::string evalue) {
    auto facts = completed();
    facts.reply = reply_status::error;
    facts.error = raised_error{std::move(ename), std::move(evalue), {}};
    return facts;
}

execution_facts died(int wait_status, std::uint64_t oom = 0, std::uint64_t pids = 0) {
    return {.cause = end_cause::kernel_died,
            .sandbox = sandbox_evidence{wait_status, oom, pids},
            .timeout_s = 60};
}

execution_facts with(execution_facts facts, std::function<void(execution_facts&)> const& change) {
    change(facts);
    return facts;
}

struct row {
    char const* name;
    execution_facts facts;
    outcome what;
    std::optional<int> exit_code;
    bool kept;
    std::optional<state_reason> reason;
    std::optional<death_kind> kind;
    bool incomplete = false;
};

std::vector<row> living() {
    auto const timed_out = [](execution_facts& f) {
        f.timed_out = true;
    };
    auto const interrupted = [](execution_facts& f) {
        f.interrupted = true;
    };
    auto const cancelled = [](execution_facts& f) {
        f.cancelled = true;
    };
    auto const deleted = [](execution_facts& f) {
        f.cancelled = f.deleted = true;
    };
    auto const cause = [](end_cause c) {
        return [c](execution_facts& f) {
            f.cause = c;
        };
    };
    return {
        {"it ran to its end", completed(), outcome::ok, 0, true, {}, {}},
        {"an exception", raised("ValueError", "x"), outcome::error, 1, true, {}, {}},
        {"the program's own KeyboardInterrupt",
         raised("KeyboardInterrupt", ""),
         outcome::error,
         1,
         true,
         {},
         {}},
        {"SystemExit without a value", raised("SystemExit", ""), outcome::ok, 0, true, {}, {}},
        {"SystemExit(3)", raised("SystemExit", "3"), outcome::error, 3, true, {}, {}},
        {"SystemExit(256)", raised("SystemExit", "256"), outcome::ok, 0, true, {}, {}},
        {"SystemExit(-1)", raised("SystemExit", "-1"), outcome::error, 255, true, {}, {}},
        {"SystemExit(True)", raised("SystemExit", "True"), outcome::error, 1, true, {}, {}},
        {"SystemExit(False)", raised("SystemExit", "False"), outcome::ok, 0, true, {}, {}},
        {"SystemExit('bye')", raised("SystemExit", "bye"), outcome::error, 1, true, {}, {}},
        {"the deadline, interrupted",
         with(raised("KeyboardInterrupt", ""), timed_out),
         outcome::timeout,
         124,
         true,
         {},
         {}},
        {"the deadline, the interrupt was caught",
         with(completed(), timed_out),
         outcome::timeout,
         124,
         true,
         {},
         {}},
        {"interrupted",
         with(raised("KeyboardInterrupt", ""), interrupted),
         outcome::interrupted,
         130,
         true,
         {},
         {}},
        {"interrupted, and caught",
         with(completed(), interrupted),
         outcome::interrupted,
         130,
         true,
         {},
         {}},
        {"cancelled while it ran",
         with(raised("KeyboardInterrupt", ""), cancelled),
         outcome::cancelled,
         130,
         true,
         {},
         {}},
        {"the deadline after an interrupt",
         with(with(raised("KeyboardInterrupt", ""), interrupted), timed_out),
         outcome::timeout,
         124,
         true,
         {},
         {}},
        {"idle was lost",
         with(completed(), cause(end_cause::reply_without_idle)),
         outcome::ok,
         0,
         true,
         {},
         {},
         true},
        {"an error and idle was lost",
         with(raised("ValueError", "x"), cause(end_cause::reply_without_idle)),
         outcome::error,
         1,
         true,
         {},
         {},
         true},
        {"no reply, but the error was published",
         with(raised("ValueError", "x"),
              [](execution_facts& f) {
                  f.cause = end_cause::idle_without_reply;
                  f.reply = reply_status::none;
              }),
         outcome::error,
         1,
         true,
         {},
         {}},
        {"no reply and no error",
         execution_facts{.cause = end_cause::idle_without_reply},
         outcome::error,
         1,
         true,
         {},
         {}},
        {"the kernel skipped it",
         with(completed(), [](execution_facts& f) { f.reply = reply_status::aborted; }),
         outcome::cancelled,
         130,
         true,
         {},
         {}},
        {"cancelled in the queue",
         execution_facts{.cause = end_cause::never_sent, .cancelled = true},
         outcome::cancelled,
         130,
         true,
         {},
         {}},
        {"its session deleted while it waited",
         execution_facts{.cause = end_cause::never_sent, .cancelled = true, .deleted = true},
         outcome::cancelled,
         130,
         false,
         {},
         {}},
        {"its session deleted while it ran",
         execution_facts{.cause = end_cause::abandoned, .cancelled = true, .deleted = true},
         outcome::cancelled,
         130,
         false,
         {},
         {},
         true},
        {"its session deleted in the turn of its reply",
         with(completed(), deleted),
         outcome::cancelled,
         130,
         false,
         {},
         {}},
        {"its session deleted after its deadline",
         with(with(completed(), timed_out), deleted),
         outcome::timeout,
         124,
         false,
         {},
         {}},
        {"the deadline in the queue",
         execution_facts{.cause = end_cause::never_sent, .timed_out = true},
         outcome::timeout,
         124,
         true,
         {},
         {}},
        {"it ended while the broker was away",
         execution_facts{.cause = end_cause::ended_unheard, .watched_by_another = true},
         outcome::unknown,
         {},
         true,
         {},
         {},
         true},
        {"it went on while the broker was away, and ended later",
         with(completed(), [](execution_facts& f) { f.watched_by_another = true; }),
         outcome::ok,
         0,
         true,
         {},
         {},
         true},
        {"given up",
         execution_facts{.cause = end_cause::abandoned},
         outcome::unknown,
         {},
         true,
         {},
         {},
         true},
    };
}

std::vector<row> dead() {
    auto const killed = [](execution_facts& f) {
        f.timed_out = f.killed = true;
    };
    auto const timed_out = [](execution_facts& f) {
        f.timed_out = true;
    };
    auto const interrupted = [](execution_facts& f) {
        f.interrupted = true;
    };
    auto const link = [](link_fault l) {
        return execution_facts{.cause = end_cause::unreachable, .link = l};
    };
    auto const kills_itself = [](execution_facts& f) {
        f.interrupted = f.killed = true;
    };
    using r = state_reason;
    using k = death_kind;
    return {
        {"os._exit(0)", died(exited(0)), outcome::died, 0, false, r::exit, k::exit},
        {"os._exit(7)", died(exited(7)), outcome::died, 7, false, r::exit, k::exit},
        {"a segmentation fault", died(signalled(11)), outcome::died, 139, false, r::crash,
         k::signal},
        {"a segmentation fault under an init", died(exited(139)), outcome::died, 139, false,
         r::crash, k::signal},
        {"a core dump", died(signalled(11) | 0x80), outcome::died, 139, false, r::crash, k::signal},
        {"out of memory", died(signalled(9), 1), outcome::died, 137, false, r::oom, k::oom},
        {"out of memory under an init", died(exited(137), 1), outcome::died, 137, false, r::oom,
         k::oom},
        {"killed from outside", died(signalled(9)), outcome::died, 137, false, r::crash, k::signal},
        {"only a child ran out of memory earlier", died(exited(3), 2), outcome::died, 3, false,
         r::exit, k::exit},
        {"aborted at the limit of processes", died(signalled(6), 0, 4), outcome::died, 134, false,
         r::crash, k::pids},
        {"denied processes earlier, then a plain exit", died(exited(3), 0, 4), outcome::died, 3,
         false, r::exit, k::exit},
        {"nobody saw it end", execution_facts{.cause = end_cause::kernel_died}, outcome::died, 137,
         false, r::runtime_lost, k::runtime_lost},
        {"the monitor has no status",
         execution_facts{.cause = end_cause::kernel_died, .sandbox = sandbox_evidence{}},
         outcome::died, 137, false, r::runtime_lost, k::runtime_lost},
        {"the host was restarted",
         execution_facts{.cause = end_cause::kernel_died, .lost_by = r::host_restart},
         outcome::died, 137, false, r::host_restart, k::runtime_lost},
        {"exit() in the code, still going",
         with(completed(), [](execution_facts& f) { f.ask_exit = true; }), outcome::died, 0, false,
         r::exit, k::exit},
        {"exit() in the code, seen to end",
         with(died(exited(0)), [](execution_facts& f) { f.ask_exit = true; }), outcome::died, 0,
         false, r::exit, k::exit},
        {"exit() in the code, the record of its end comes first",
         with(with(died(exited(4)), [](execution_facts& f) { f.ask_exit = true; }),
              [](execution_facts& f) { f.cause = end_cause::complete; }),
         outcome::died, 4, false, r::exit, k::exit},
        {"exit() in the code, and it did not end",
         with(died(signalled(9)), [](execution_facts& f) { f.ask_exit = f.exit_overdue = true; }),
         outcome::died, 0, false, r::exit, k::exit},
        {"the deadline, and it had to be killed", with(died(signalled(9)), killed),
         outcome::timeout, 124, false, r::timeout_kill, k::timeout},
        {"the deadline, and it ran out of memory before it was killed",
         with(died(signalled(9), 1), timed_out), outcome::timeout, 124, false, r::oom, k::oom},
        {"interrupted, and it ended itself", with(died(exited(4)), interrupted),
         outcome::interrupted, 130, false, r::exit, k::exit},
        {"interrupted, and it had to be killed", with(died(signalled(9)), kills_itself),
         outcome::interrupted, 130, false, r::timeout_kill, k::timeout},
        {"it closed its sockets", link(link_fault::lost), outcome::died, 137, false,
         r::unresponsive, k::unresponsive},
        {"it closed its sockets and was ended for it",
         with(link(link_fault::lost),
              [](execution_facts& f) {
                  f.sandbox = sandbox_evidence{signalled(9), 0, 0};
              }),
         outcome::died, 137, false, r::unresponsive, k::unresponsive},
        {"it is mute", execution_facts{.cause = end_cause::unreachable}, outcome::died, 137, false,
         r::unresponsive, k::unresponsive},
        {"its sockets were lost because it ended",
         with(died(exited(7)), [](execution_facts& f) { f.link = link_fault::lost; }),
         outcome::died, 7, false, r::exit, k::exit},
        {"one message too large", link(link_fault::too_much), outcome::died, 137, false,
         r::output_limit, k::unresponsive},
        {"messages faster than they can be read", link(link_fault::backlog), outcome::died, 137,
         false, r::output_limit, k::unresponsive},
        {"a socket was exchanged for something else", link(link_fault::refused), outcome::died, 137,
         false, r::protocol, k::unresponsive},
        {"another kernel on the same sockets", execution_facts{.cause = end_cause::kernel_replaced},
         outcome::died, 137, false, r::crash, k::unresponsive},
        {"its session was restarted",
         with(died(signalled(9)), [](execution_facts& f) { f.restarted = true; }),
         outcome::interrupted,
         130,
         false,
         r::restart_requested,
         {}},
        {"it died while the broker was away",
         with(died(exited(7)), [](execution_facts& f) { f.watched_by_another = true; }),
         outcome::died, 7, false, r::exit, k::exit, true},
        {"ended by the deletion of its session",
         with(died(signalled(9)), [](execution_facts& f) { f.cancelled = f.deleted = true; }),
         outcome::cancelled,
         130,
         false,
         {},
         {}},
        {"a reply, and then the end",
         with(completed(),
              [](execution_facts& f) {
                  f.sandbox = sandbox_evidence{exited(2), 0, 0};
              }),
         outcome::died, 2, false, r::exit, k::exit},
    };
}

void check(row const& r) {
    CAPTURE(r.name);
    auto const v = broker::judge(r.facts);
    CHECK(broker::to_string(v.what) == broker::to_string(r.what));
    CHECK(v.exit_code == r.exit_code);
    CHECK(v.variables_kept == r.kept);
    CHECK(v.next_reason == r.reason);
    CHECK(v.died_of.has_value() == r.kind.has_value());
    if (v.died_of && r.kind) {
        CHECK(broker::to_string(v.died_of->kind) == broker::to_string(*r.kind));
        CHECK_FALSE(v.died_of->detail.empty());
    }
    CHECK(v.output_incomplete == r.incomplete);
    CHECK(v.note.find('\n') == std::string::npos);
}

}  // namespace

TEST_CASE("every end of a kernel that lives on has its verdict", "[core][verdict]") {
    for (auto const& r : living()) {
        check(r);
    }
}

TEST_CASE("every end of a kernel has its verdict", "[core][verdict]") {
    for (auto const& r : dead()) {
        check(r);
    }
}

TEST_CASE("a kernel dies of every signal with 128 and its number", "[core][verdict]") {
    for (int signal = 1; signal <= 64; ++signal) {
        auto const v = broker::judge(died(signalled(signal)));
        CHECK(v.exit_code == 128 + signal);
        CHECK(v.what == outcome::died);
    }
}

TEST_CASE("a kernel that ended itself tells its status", "[core][verdict]") {
    for (int status = 0; status <= 128; ++status) {
        auto const v = broker::judge(died(exited(status)));
        CHECK(v.exit_code == status);
        CHECK(v.next_reason == state_reason::exit);
    }
}

TEST_CASE("the time limit is told with its length and what became of the variables",
          "[core][verdict]") {
    auto facts = completed();
    facts.timed_out = true;
    facts.timeout_s = 2.5;
    CHECK(broker::judge(facts).note ==
          "the time limit of 2.5 s was reached; the variables were kept");
    facts.killed = true;
    CHECK(broker::judge(facts).note ==
          "the time limit of 2.5 s was reached; the kernel had to be ended and the variables are "
          "gone");
    CHECK(
        broker::judge({.cause = end_cause::never_sent, .timed_out = true, .timeout_s = 60}).note ==
        "the time limit of 60 s passed while it waited; nothing ran and the variables were kept");
}

TEST_CASE("a deletion is told with what went with it", "[core][verdict]") {
    execution_facts facts{.cause = end_cause::abandoned, .cancelled = true, .deleted = true};
    facts.timeout_s = 60;
    CHECK(broker::judge(facts).note ==
          "it was cancelled; the session was deleted, and its files with it");
    facts.timed_out = true;
    CHECK(broker::judge(facts).note ==
          "the time limit of 60 s was reached; the session was deleted, and its files with it");
    CHECK(
        broker::judge({.cause = end_cause::never_sent, .cancelled = true, .deleted = true}).note ==
        "it was cancelled before it ran; the session was deleted, and its files with it");
}

TEST_CASE("a kernel that could not be started says why", "[core][verdict]") {
    execution_facts facts{.cause = end_cause::never_sent};
    facts.start_failure = "the image is gone";
    auto const v = broker::judge(facts);
    CHECK(v.what == outcome::died);
    CHECK(v.note == "the image is gone");
    CHECK_FALSE(v.next_reason);
}

TEST_CASE("what simply ran has nothing to add to stderr", "[core][verdict]") {
    CHECK(broker::judge(completed()).note.empty());
    CHECK(broker::judge(raised("ValueError", "x")).note.empty());
    CHECK(broker::judge(raised("SystemExit", "3")).note.empty());
    CHECK(broker::judge(died(signalled(11))).note ==
          "the kernel was ended by SIGSEGV (segmentation fault); the variables are gone");
}

TEST_CASE("a program's own status is the exit code, and its session goes on", "[core][verdict]") {
    auto facts = raised("ExitStatus", "3");
    facts.error->traceback = {"exit status 3"};
    auto v = broker::judge(facts);
    CHECK(v.what == outcome::error);
    CHECK(v.exit_code == 3);
    CHECK(v.variables_kept);
    CHECK(v.note.empty());
    facts.error = raised_error{"Signal", "SIGSEGV (11)", {"ended by SIGSEGV (11)"}};
    v = broker::judge(facts);
    CHECK(v.what == outcome::error);
    CHECK(v.exit_code == 139);
    CHECK(v.variables_kept);
    CHECK_FALSE(v.died_of);
    CHECK(v.note == "the program was ended by SIGSEGV (segmentation fault)");
}

TEST_CASE("files that nobody looked at are told", "[core][verdict]") {
    auto facts = completed();
    facts.files_too_deep = true;
    CHECK(broker::judge(facts).note.find("deeper than 32 folders") == 6);
    facts = raised("ExitStatus", "3");
    facts.files_too_many = true;
    CHECK(broker::judge(facts).note.find("beyond the first 20000") != std::string::npos);
}

TEST_CASE("an error beside a kill for memory says so", "[core][verdict]") {
    auto facts = raised("Signal", "SIGKILL (9)");
    facts.error->traceback = {"ended by SIGKILL (9)"};
    facts.memory_kill = true;
    auto const v = broker::judge(facts);
    CHECK(v.exit_code == 137);
    CHECK(v.variables_kept);
    CHECK(v.note.find("more memory than its limit") != std::string::npos);
}

TEST_CASE("a shell that ends takes the variables with it, whatever its status", "[core][verdict]") {
    auto facts = completed();
    facts.shell_lost = true;
    auto v = broker::judge(facts);
    CHECK(v.what == outcome::ok);
    CHECK(v.exit_code == 0);
    CHECK_FALSE(v.variables_kept);
    CHECK(v.next_reason == state_reason::exit);
    CHECK_FALSE(v.died_of);
    facts.reply = reply_status::error;
    facts.error = raised_error{"Signal", "SIGKILL (9)", {"ended by SIGKILL (9)"}};
    v = broker::judge(facts);
    CHECK(v.exit_code == 137);
    CHECK(v.next_reason == state_reason::crash);
    facts.timed_out = true;
    v = broker::judge(facts);
    CHECK(v.what == outcome::timeout);
    CHECK_FALSE(v.variables_kept);
    CHECK(v.next_reason == state_reason::crash);
    CHECK(v.note ==
          "the time limit of 60 s was reached; the shell ended with it and the variables are gone");
}
