// SPDX-License-Identifier: Apache-2.0
// The promises of the store, kept by both of its implementations. The one on disk is closed and
// opened again wherever a test asks for what was stored.
#include "broker/store/session_store.hpp"

#include "broker/store/memory_store.hpp"
#include "broker/store/sqlite_store.hpp"
#include "tests/support/catch.hpp"
#include "tests/support/temporary_directory.hpp"
#include "tests/unit/broker/store/rows_for_tests.hpp"

#include <algorithm>

using namespace broker;
using namespace broker::test;

namespace {

class memory_fixture {
public:
    session_store& store() { return *store_; }
    session_store& reopened() { return *store_; }

private:
    std::unique_ptr<session_store> store_ = make_memory_store();
};

class sqlite_fixture {
public:
    sqlite_fixture() { reopened(); }

    session_store& store() { return *store_; }

    session_store& reopened() {
        store_.reset();
        auto opened = open_sqlite_store(dir_.path() + "/broker.db");
        if (!opened) {
            FAIL(opened.error().detail);
        }
        store_ = std::move(*opened);
        return *store_;
    }

private:
    ::test::temporary_directory dir_;
    std::unique_ptr<session_store> store_;
};

}  // namespace

TEMPLATE_TEST_CASE("a session is stored before anything of it is made, with all its fields",
                   "[store]", memory_fixture, sqlite_fixture) {
    TestType f;
    auto const row = session();
    REQUIRE(f.store().plan_session(row));
    CHECK(*f.reopened().sessions() == std::vector{row});
}

TEMPLATE_TEST_CASE("a name belongs to one session of a tenant", "[store]", memory_fixture,
                   sqlite_fixture) {
    TestType f;
    REQUIRE(f.store().plan_session(session("alice", "a")));
    CHECK(f.store().plan_session(session("alice", "b")));
    CHECK(f.store().plan_session(session("bob", "a")));
    CHECK(f.store().plan_session(session("alice", "a")).error().code == errc::session_exists);
    CHECK(f.reopened().sessions()->size() == 3);
}

TEMPLATE_TEST_CASE("what changes in a session is stored", "[store]", memory_fixture,
                   sqlite_fixture) {
    TestType f;
    auto row = session();
    REQUIRE(f.store().plan_session(row));
    row.life = {{{"python", {9, 9, std::nullopt}}}, false, std::nullopt, at(100)};
    row.labels.clear();
    row.session_limits.cpus = 2;
    row.image_digest = "sha256:def";
    row.idle_timeout_s = 1;
    REQUIRE(f.store().update_session(row));
    CHECK(*f.reopened().sessions() == std::vector{row});
    CHECK(f.store().update_session(session("other")).error().code == errc::session_not_found);
}

TEMPLATE_TEST_CASE("the intent to delete is kept whatever is written after it", "[store]",
                   memory_fixture, sqlite_fixture) {
    TestType f;
    auto row = session();
    REQUIRE(f.store().plan_session(row));
    auto const why = GENERATE(close_kind::deleted, close_kind::expired);
    REQUIRE(f.store().intend_close(row.id, why));
    REQUIRE(f.store().update_session(row));
    CHECK(f.reopened().sessions()->front().closing == why);
    CHECK_FALSE(f.store().intend_close(session_id::make(), why));
}

TEMPLATE_TEST_CASE("a forgotten session takes everything of it along", "[store]", memory_fixture,
                   sqlite_fixture) {
    TestType f;
    auto const gone = session("gone");
    auto const stays = session("stays");
    REQUIRE(f.store().plan_session(gone));
    REQUIRE(f.store().plan_session(stays));
    for (auto const& s : {gone, stays}) {
        REQUIRE(f.store().plan_sandbox(sandbox(s.id)));
        REQUIRE(f.store().queue_execution(execution(s.id)));
    }
    REQUIRE(f.store().forget_session(gone.id));
    REQUIRE(f.store().forget_session(gone.id));
    CHECK(f.reopened().sessions()->front().id == stays.id);
    REQUIRE(f.store().sandboxes()->size() == 1);
    CHECK(f.store().sandboxes()->front().session == stays.id);
    REQUIRE(f.store().unfinished_executions()->size() == 1);
    CHECK(f.store().unfinished_executions()->front().session == stays.id);
    CHECK_FALSE(*f.store().had_expired(gone.key, at(0)));
}

TEMPLATE_TEST_CASE("that a session expired is remembered until somebody comes back or time is up",
                   "[store]", memory_fixture, sqlite_fixture) {
    TestType f;
    auto const far = wall_time{std::chrono::milliseconds{4'000'000'000'000}};
    auto const row = session();
    REQUIRE(f.store().plan_session(row));
    CHECK_FALSE(*f.store().had_expired(row.key, at(0)));
    REQUIRE(f.store().expire_session(row.id, far));
    CHECK(f.store().sessions()->empty());
    CHECK(*f.reopened().had_expired(row.key, at(0)));
    CHECK_FALSE(*f.store().had_expired({"other", row.key.name}, at(0)));
    CHECK_FALSE(*f.store().had_expired(row.key, far));
    CHECK(f.store().expire_session(row.id, far).error().code == errc::session_not_found);
    REQUIRE(f.store().plan_session(session()));
    CHECK_FALSE(*f.reopened().had_expired(row.key, at(0)));
}

TEMPLATE_TEST_CASE("a sandbox is planned, comes through its stages and is forgotten", "[store]",
                   memory_fixture, sqlite_fixture) {
    TestType f;
    auto s = session();
    REQUIRE(f.store().plan_session(s));
    auto row = sandbox(s.id);
    REQUIRE(f.store().plan_sandbox(row));
    CHECK(*f.reopened().sandboxes() == std::vector{row});
    for (auto const stage :
         {sandbox_stage::created, sandbox_stage::started, sandbox_stage::ending}) {
        REQUIRE(f.store().sandbox_reached(row.id, stage));
        CHECK(f.reopened().sandboxes()->front().stage == stage);
    }
    REQUIRE(f.store().forget_sandbox(row.id));
    CHECK(f.reopened().sandboxes()->empty());
    CHECK_FALSE(f.store().sandbox_reached(row.id, sandbox_stage::ready));
    CHECK_FALSE(f.store().plan_sandbox(sandbox(session_id::make())));
}

TEMPLATE_TEST_CASE("that a kernel is ready and the session's generation are one thing", "[store]",
                   memory_fixture, sqlite_fixture) {
    TestType f;
    auto s = session();
    REQUIRE(f.store().plan_session(s));
    auto const row = sandbox(s.id);
    REQUIRE(f.store().plan_sandbox(row));
    s.life.kernels["python"].generation = 4;
    SECTION("both") {
        REQUIRE(f.store().sandbox_ready(row.id, s));
        CHECK(f.reopened().sandboxes()->front().stage == sandbox_stage::ready);
        CHECK(f.store().sessions()->front().life.generation("python") == 4);
    }
    SECTION("or none") {
        auto unknown = session("unknown");
        CHECK_FALSE(f.store().sandbox_ready(row.id, unknown));
        CHECK_FALSE(f.store().sandbox_ready(sandbox_id::make(), s));
        CHECK(f.reopened().sandboxes()->front().stage == sandbox_stage::planned);
        CHECK(f.store().sessions()->front().life.generation("python") == 3);
    }
}

TEMPLATE_TEST_CASE("an execution is queued, sent and done, with the truth that was told", "[store]",
                   memory_fixture, sqlite_fixture) {
    TestType f;
    auto s = session();
    REQUIRE(f.store().plan_session(s));
    auto row = execution(s.id);
    REQUIRE(f.store().queue_execution(row));
    CHECK(*f.reopened().unfinished_executions() == std::vector{row});

    row.stage = execution_stage::sent;
    row.started_at = at(10);
    row.deadline = steady_time{std::chrono::nanoseconds{123'456'789}};
    row.began = {session_state::restarted, state_reason::oom, 3};
    s.life.kernels["python"].told_generation = 3;
    s.life.pending.reset();
    REQUIRE(f.store().send_execution(row, s));
    CHECK(*f.reopened().unfinished_executions() == std::vector{row});
    CHECK(f.store().sessions()->front() == s);

    row.stage = execution_stage::done;
    row.ended_at = at(20);
    row.what = outcome::died;
    row.summary_json = R"({"id":"x"})";
    row.events_at = events_place::table;
    row.events = std::string("\1\0\0\0\0", 5);
    row.file_bytes = 77;
    row.outputs_json = std::string("{\"a\":\"\\u0000\0\"}", 15);
    s.life.pending = state_reason::crash;
    REQUIRE(f.store().finish_execution(row, s));
    CHECK(f.reopened().unfinished_executions()->empty());
    CHECK(**f.store().execution(row.id) == row);
    CHECK(f.store().sessions()->front() == s);
    CHECK_FALSE(f.store().execution(execution_id::make())->has_value());
}

TEMPLATE_TEST_CASE("an execution and its session are written together or not at all", "[store]",
                   memory_fixture, sqlite_fixture) {
    TestType f;
    auto const s = session();
    REQUIRE(f.store().plan_session(s));
    auto row = execution(s.id);
    REQUIRE(f.store().queue_execution(row));
    row.stage = execution_stage::sent;
    CHECK_FALSE(f.store().send_execution(row, session("unknown")));
    CHECK(f.reopened().unfinished_executions()->front().stage == execution_stage::queued);
    CHECK_FALSE(f.store().send_execution(execution(session_id::make()), s));
    CHECK_FALSE(f.store().queue_execution(row));
    CHECK_FALSE(f.store().queue_execution(execution(session_id::make())));
}

TEMPLATE_TEST_CASE("an execution that need not wait is stored when it is sent", "[store]",
                   memory_fixture, sqlite_fixture) {
    TestType f;
    auto const s = session();
    REQUIRE(f.store().plan_session(s));
    auto row = execution(s.id);
    row.stage = execution_stage::sent;
    REQUIRE(f.store().send_execution(row, s));
    CHECK(*f.reopened().unfinished_executions() == std::vector{row});
    row.stage = execution_stage::done;
    row.what = outcome::ok;
    REQUIRE(f.store().finish_execution(row, s));
    CHECK(f.reopened().unfinished_executions()->empty());
    CHECK(**f.store().execution(row.id) == row);
}

TEST_CASE("the time of a session's last use is kept to some seconds", "[store][sqlite]") {
    sqlite_fixture f;
    auto s = session();
    REQUIRE(f.store().plan_session(s));
    auto const use = [&](std::chrono::seconds later) {
        auto row = execution(s.id);
        row.stage = execution_stage::sent;
        s.life.last_used_at += later;
        REQUIRE(f.store().send_execution(row, s));
        return f.store().sessions()->front();
    };
    CHECK(use(std::chrono::seconds(0)) == s);
    auto const kept = use(std::chrono::seconds(9)).life.last_used_at;
    CHECK(kept == s.life.last_used_at - std::chrono::seconds(9));
    CHECK(use(std::chrono::seconds(1)) == s);
    // Anything else is kept at once, and so is whatever a store finds that wrote nothing yet.
    s.life.kernels["python"].told_generation = 7;
    CHECK(use(std::chrono::seconds(1)) == s);
    (void)f.reopened();
    CHECK(use(std::chrono::seconds(1)) == s);
}

TEMPLATE_TEST_CASE("executions are listed newest first, in pages, without results", "[store]",
                   memory_fixture, sqlite_fixture) {
    TestType f;
    auto const s = session();
    auto const other = session("other");
    REQUIRE(f.store().plan_session(s));
    REQUIRE(f.store().plan_session(other));
    std::vector<execution_id> ids;
    for (int i = 0; i < 5; ++i) {
        auto row = execution(s.id);
        row.outputs_json = "{}";
        row.events = "x";
        ids.push_back(row.id);
        REQUIRE(f.store().queue_execution(row));
        REQUIRE(f.store().queue_execution(execution(other.id)));
    }
    auto const first = f.reopened().executions(s.id, 2, nullptr);
    REQUIRE(first->size() == 2);
    CHECK((*first)[0].id == ids[4]);
    CHECK((*first)[1].id == ids[3]);
    CHECK((*first)[0].outputs_json.empty());
    CHECK((*first)[0].events.empty());
    auto const rest = f.store().executions(s.id, 10, &ids[3]);
    REQUIRE(rest->size() == 3);
    CHECK((*rest)[0].id == ids[2]);
    CHECK((*rest)[2].id == ids[0]);
    CHECK(f.store().executions(s.id, 10, &ids[0])->empty());
    auto const foreign = execution_id::make();
    CHECK(f.store().executions(s.id, 10, &foreign)->empty());
}

TEMPLATE_TEST_CASE("ended executions are kept by number and age, others always", "[store]",
                   memory_fixture, sqlite_fixture) {
    TestType f;
    auto const s = session();
    REQUIRE(f.store().plan_session(s));
    std::vector<execution_row> rows;
    for (int i = 0; i < 6; ++i) {
        auto row = execution(s.id);
        REQUIRE(f.store().queue_execution(row));
        if (i != 1) {  // one is still running
            row.stage = execution_stage::done;
            row.ended_at = at(i * 10);
            row.result_in_file = i % 2 == 0;
            row.events_at = i == 3 ? events_place::file : events_place::none;
            row.file_bytes = 10;
            REQUIRE(f.store().finish_execution(row, s));
        }
        rows.push_back(row);
    }
    auto const left = [&] {
        std::vector<execution_id> ids;
        for (auto const& row : *f.reopened().executions(s.id, 100, nullptr)) {
            ids.push_back(row.id);
        }
        return ids;
    };
    auto const prune = [&](execution_keep keep) {
        auto gone = *f.store().prune_executions(s.id, keep);
        std::sort(gone.begin(), gone.end());
        return gone;
    };
    auto const sorted = [](std::vector<execution_id> ids) {
        std::sort(ids.begin(), ids.end());
        return ids;
    };
    constexpr std::uint64_t plenty = 1000;
    CHECK(prune({100, at(0), plenty}).empty());
    CHECK(left().size() == 6);
    SECTION("by number") {
        CHECK(prune({4, at(0), plenty}) == std::vector{rows[0].id});
        CHECK(left() == std::vector{rows[5].id, rows[4].id, rows[3].id, rows[2].id, rows[1].id});
        CHECK(**f.store().pruned_execution(rows[0].id) == s.id);
        CHECK_FALSE(f.store().pruned_execution(rows[1].id)->has_value());
        CHECK_FALSE(f.store().pruned_execution(execution_id::make())->has_value());
        REQUIRE(f.store().forget_session(s.id));
        CHECK_FALSE(f.store().pruned_execution(rows[0].id)->has_value());
    }
    SECTION("by age") {
        CHECK(prune({100, at(40), plenty}) == sorted({rows[0].id, rows[2].id, rows[3].id}));
        CHECK(left() == std::vector{rows[5].id, rows[4].id, rows[1].id});
    }
    SECTION("by the bytes of their files") {
        // Each has ten: those that have more than twenty-five newer ones behind them go.
        CHECK(prune({100, at(0), 25}) == sorted({rows[0].id, rows[2].id}));
        CHECK(left() == std::vector{rows[5].id, rows[4].id, rows[3].id, rows[1].id});
        CHECK(prune({100, at(0), 0}) == sorted({rows[3].id, rows[4].id}));
        CHECK(left() == std::vector{rows[5].id, rows[1].id});
    }
    SECTION("what may have files is known") {
        CHECK(sorted(*f.store().executions_with_files(nullptr)) ==
              sorted({rows[0].id, rows[1].id, rows[2].id, rows[3].id, rows[4].id}));
    }
}

TEMPLATE_TEST_CASE("an execution is found by its idempotency key, in its session", "[store]",
                   memory_fixture, sqlite_fixture) {
    TestType f;
    auto const s = session();
    auto const other = session("other");
    REQUIRE(f.store().plan_session(s));
    REQUIRE(f.store().plan_session(other));
    auto row = execution(s.id);
    row.idempotency_key = "k";
    row.request_sha256 = "aa";
    row.events = "x";
    row.code = GENERATE(as<std::optional<std::string>>{}, std::nullopt, "", std::string("a\0b", 3));
    row.argv = GENERATE(as<std::vector<std::string>>{}, std::vector<std::string>{},
                        std::vector<std::string>{""}, std::vector<std::string>{"a", "", "b c"});
    REQUIRE(f.store().queue_execution(row));
    REQUIRE(f.store().queue_execution(execution(s.id)));
    CHECK(f.reopened().unfinished_executions()->front() == row);
    auto const found = *f.reopened().execution_of_key(s.id, "k");
    REQUIRE(found.has_value());
    CHECK(found->id == row.id);
    CHECK(found->request_sha256 == "aa");
    CHECK(found->events == "x");
    CHECK_FALSE(f.store().execution_of_key(other.id, "k")->has_value());
    CHECK_FALSE(f.store().execution_of_key(s.id, "K")->has_value());
}

TEMPLATE_TEST_CASE("keys are found by their hash until they are revoked", "[store]", memory_fixture,
                   sqlite_fixture) {
    TestType f;
    auto row = key("k1", "hash-1");
    REQUIRE(f.store().add_key(row));
    REQUIRE(f.store().add_key(key("k2", "hash-2")));
    CHECK(f.store().add_key(key("k3", "hash-1")).error().code == errc::invalid_field);
    CHECK(f.store().add_key(key("k1", "hash-3")).error().code == errc::invalid_field);
    CHECK(**f.reopened().key_of("hash-1") == row);
    CHECK_FALSE(f.store().key_of("hash-9")->has_value());
    CHECK(*f.store().revoke_key("k1", at(50)));
    CHECK_FALSE(*f.store().revoke_key("k1", at(51)));
    CHECK_FALSE(*f.store().revoke_key("k9", at(51)));
    CHECK_FALSE(f.reopened().key_of("hash-1")->has_value());
    CHECK(f.store().key_of("hash-2")->has_value());
    row.revoked_at = at(50);
    CHECK(f.store().keys()->size() == 2);
    CHECK(f.store().keys()->front() == row);
}

TEMPLATE_TEST_CASE("notes are kept by name", "[store]", memory_fixture, sqlite_fixture) {
    TestType f;
    CHECK_FALSE(f.store().note("boot_id")->has_value());
    REQUIRE(f.store().set_note("boot_id", "a"));
    REQUIRE(f.store().set_note("boot_id", ""));
    CHECK(**f.reopened().note("boot_id") == "");
    REQUIRE(f.store().set_note("boot_id", "b"));
    CHECK(**f.reopened().note("boot_id") == "b");
}
