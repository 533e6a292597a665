// SPDX-License-Identifier: Apache-2.0
// What only the store on disk can get wrong: the file, and the end of the process in the middle.
#include "broker/store/sqlite_store.hpp"

#include "broker/store/database_log.hpp"
#include "broker/store/schema.hpp"
#include "tests/support/catch.hpp"
#include "tests/support/temporary_directory.hpp"
#include "tests/unit/broker/store/rows_for_tests.hpp"

#include <fcntl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <csignal>
#include <filesystem>
#include <fstream>
#include <set>

using namespace broker;
using namespace broker::test;

namespace {

std::string file_in(::test::temporary_directory const& dir) { return dir.path() + "/broker.db"; }

std::string bytes_of(std::string const& path) {
    std::ifstream in(path, std::ios::binary);
    return {std::istreambuf_iterator<char>(in), {}};
}

void execute(std::string const& path, char const* sql) {
    sqlite3* raw = nullptr;
    REQUIRE(sqlite3_open(path.c_str(), &raw) == SQLITE_OK);
    database_ptr const db(raw);
    REQUIRE(sqlite3_exec(db.get(), sql, nullptr, nullptr, nullptr) == SQLITE_OK);
}

/// Tells one id by one write, which a pipe takes whole.
void acknowledge(int pipe, std::string const& id) {
    if (::write(pipe, id.data(), id.size()) != static_cast<ssize_t>(id.size())) {
        ::_exit(3);
    }
}

/// Goes through the verbs of sessions until it is killed; tells each id after its verb returned.
[[noreturn]] void write_until_killed(std::string const& path, int pipe, int round) {
    auto store = open_sqlite_store(path);
    for (int i = 0; store; ++i) {
        auto s = session("s-" + std::to_string(round) + "-" + std::to_string(i));
        auto const box = sandbox(s.id);
        auto e = execution(s.id);
        bool done = (*store)->plan_session(s) && (*store)->plan_sandbox(box);
        s.life.kernels["python"].generation = 77;
        e.stage = execution_stage::queued;
        done = done && (*store)->sandbox_ready(box.id, s) && (*store)->queue_execution(e);
        e.stage = execution_stage::sent;
        done = done && (*store)->send_execution(e, s);
        e.stage = execution_stage::done;
        e.ended_at = at(9);
        e.outputs_json = std::string(static_cast<std::size_t>(i % 50) * 100, 'r');
        done = done && (*store)->finish_execution(e, s);
        if (!done) {
            ::_exit(2);
        }
        acknowledge(pipe, s.id.str());
    }
    ::_exit(1);
}

/// The ids that a writer told until it was killed: as soon as `enough` were heard, which is at some
/// point of the verbs that follow.
std::vector<std::string> run_and_kill(std::string const& path, int round, std::size_t enough) {
    std::array<int, 2> ends{};
    REQUIRE(::pipe2(ends.data(), O_CLOEXEC) == 0);
    pid_t const child = ::fork();
    if (child == 0) {
        write_until_killed(path, ends[1], round);
    }
    ::close(ends[1]);
    std::vector<std::string> told;
    std::string id(21, '\0');
    while (::read(ends[0], id.data(), id.size()) == static_cast<ssize_t>(id.size())) {
        told.push_back(id);
        if (told.size() == enough) {
            ::kill(child, SIGKILL);
        }
    }
    int status = 0;
    REQUIRE(::waitpid(child, &status, 0) == child);
    REQUIRE(WIFSIGNALED(status));
    ::close(ends[0]);
    return told;
}

}  // namespace

TEST_CASE("the file and its log are for the broker's user alone", "[store][sqlite]") {
    ::test::temporary_directory const dir;
    auto const store = open_sqlite_store(file_in(dir));
    REQUIRE(store);
    REQUIRE((*store)->set_note("a", "b"));
    for (auto const* suffix : {"", "-wal", "-shm"}) {
        struct stat info {};
        REQUIRE(::stat((file_in(dir) + suffix).c_str(), &info) == 0);
        CHECK((info.st_mode & 0777U) == 0600U);
    }
}

TEST_CASE("a file of a newer version is named as such and not touched", "[store][sqlite]") {
    ::test::temporary_directory const dir;
    execute(file_in(dir), "PRAGMA user_version = 999; CREATE TABLE later (x)");
    auto const before = bytes_of(file_in(dir));
    auto const store = open_sqlite_store(file_in(dir));
    REQUIRE_FALSE(store);
    CHECK(store.error().detail.find("newer kernel-broker") != std::string::npos);
    CHECK(store.error().detail.find("999") != std::string::npos);
    CHECK(bytes_of(file_in(dir)) == before);
}

TEST_CASE("what is not a database is named as such and not touched", "[store][sqlite]") {
    ::test::temporary_directory const dir;
    std::ofstream(file_in(dir)) << std::string(10'000, 'x');
    auto const store = open_sqlite_store(file_in(dir));
    REQUIRE_FALSE(store);
    CHECK(store.error().detail.find("is damaged") != std::string::npos);
    CHECK(bytes_of(file_in(dir)) == std::string(10'000, 'x'));
}

TEST_CASE("a damaged page is found at the start, not in the middle of work", "[store][sqlite]") {
    ::test::temporary_directory const dir;
    {
        auto const store = open_sqlite_store(file_in(dir));
        REQUIRE(store);
        for (int i = 0; i < 200; ++i) {
            REQUIRE((*store)->plan_session(session("s" + std::to_string(i))));
        }
    }
    {
        std::fstream file(file_in(dir), std::ios::in | std::ios::out | std::ios::binary);
        file.seekp(3 * 4096);
        file << std::string(8192, '\x5A');
    }
    auto const store = open_sqlite_store(file_in(dir));
    REQUIRE_FALSE(store);
    CHECK(store.error().detail.find("is damaged") != std::string::npos);
}

TEST_CASE("an empty file becomes the present version, and opens again", "[store][sqlite]") {
    ::test::temporary_directory const dir;
    for (int i = 0; i < 3; ++i) {
        auto const store = open_sqlite_store(file_in(dir));
        REQUIRE(store);
        CHECK((*store)->sessions()->empty());
    }
    sqlite3* raw = nullptr;
    REQUIRE(sqlite3_open(file_in(dir).c_str(), &raw) == SQLITE_OK);
    database_ptr const db(raw);
    prepared version("PRAGMA user_version");
    auto q = version.use(db.get());
    REQUIRE(*q.step());
    CHECK(q.integer() == session_schema().version());
}

TEST_CASE("a file of the first version becomes the present one, with its sessions",
          "[store][sqlite]") {
    ::test::temporary_directory const dir;
    auto killed = session("killed");
    auto lost = session("lost");
    auto expired = session("expired");
    auto const box = sandbox(killed.id);
    {
        auto const store = open_sqlite_store(file_in(dir));
        for (auto const* row : {&killed, &lost, &expired}) {
            REQUIRE((*store)->plan_session(*row));
        }
        REQUIRE((*store)->plan_sandbox(box));
    }
    execute(file_in(dir),
            "ALTER TABLE session DROP COLUMN has_files;"
            "ALTER TABLE session DROP COLUMN kernels;"
            "ALTER TABLE session ADD COLUMN generation INTEGER NOT NULL DEFAULT 3;"
            "ALTER TABLE session ADD COLUMN told_generation INTEGER NOT NULL DEFAULT 2;"
            "UPDATE session SET pending_reason = 'oom', files_lost = 0 WHERE name = 'killed';"
            "UPDATE session SET pending_reason = 'host_restart', files_lost = 1"
            "  WHERE name = 'lost';"
            "UPDATE session SET pending_reason = 'expired', files_lost = 0, generation = 0,"
            "  told_generation = 0 WHERE name = 'expired';"
            "ALTER TABLE sandbox DROP COLUMN language;"
            "DROP TABLE pruned_execution;"
            "DROP INDEX execution_by_idempotency_key;"
            "ALTER TABLE execution DROP COLUMN allow_stdin;"
            "ALTER TABLE execution DROP COLUMN idempotency_key;"
            "ALTER TABLE execution DROP COLUMN request_sha256;"
            "ALTER TABLE execution DROP COLUMN summary;"
            "ALTER TABLE execution DROP COLUMN events_at;"
            "ALTER TABLE execution DROP COLUMN file_bytes;"
            "ALTER TABLE execution DROP COLUMN events;"
            "ALTER TABLE execution DROP COLUMN code;"
            "ALTER TABLE execution DROP COLUMN argv;"
            "CREATE INDEX execution_unfinished ON execution (number) WHERE stage <> 'done';"
            "PRAGMA user_version = 1");
    auto const store = open_sqlite_store(file_in(dir));
    REQUIRE(store);
    killed.life.kernels = {{"python", {3, 2, state_reason::oom}}};
    killed.life.pending.reset();
    killed.life.files_lost = false;
    lost.life.kernels = {{"python", {3, 2, {}}}};
    lost.life.pending = state_reason::host_restart;
    expired.life.kernels.clear();
    expired.life.pending = state_reason::expired;
    expired.life.files_lost = false;
    for (auto* row : {&killed, &lost, &expired}) {
        row->has_files = false;  // nobody knows
    }
    auto const rows = *(*store)->sessions();
    for (auto const& row : {killed, lost, expired}) {
        CHECK(std::find(rows.begin(), rows.end(), row) != rows.end());
    }
    CHECK(*(*store)->sandboxes() == std::vector{box});
}

TEST_CASE("a word that this version does not know is an error, not a guess", "[store][sqlite]") {
    ::test::temporary_directory const dir;
    {
        auto const store = open_sqlite_store(file_in(dir));
        REQUIRE((*store)->plan_session(session()));
    }
    for (auto const* const damage :
         {"UPDATE session SET kernels = 'python 1 1 moonlight'",
          "UPDATE session SET kernels = 'python 1 1 - moonlight'",
          "UPDATE session SET kernels = 'moonlight'",
          "UPDATE session SET kernels = '', pending_reason = 'moonlight'"}) {
        execute(file_in(dir), damage);
        auto const store = open_sqlite_store(file_in(dir));
        REQUIRE(store);
        auto const rows = (*store)->sessions();
        REQUIRE_FALSE(rows);
        CHECK(rows.error().detail.find("moonlight") != std::string::npos);
    }
}

TEST_CASE("another process may add a key while the broker holds the store", "[store][sqlite]") {
    ::test::temporary_directory const dir;
    auto const broker = open_sqlite_store(file_in(dir));
    auto const cli = open_sqlite_store(file_in(dir));
    REQUIRE(broker);
    REQUIRE(cli);
    REQUIRE((*cli)->add_key(key("k1", "hash")));
    CHECK((*broker)->key_of("hash")->has_value());
    REQUIRE((*broker)->plan_session(session()));
    REQUIRE(*(*cli)->revoke_key("k1", at(1)));
    CHECK_FALSE((*broker)->key_of("hash")->has_value());
}

TEST_CASE("the log beside the table is shortened while both are used", "[store][sqlite]") {
    ::test::temporary_directory const dir;
    auto store = open_sqlite_store(file_in(dir));
    REQUIRE(store);
    auto log = database_log::open(file_in(dir));
    REQUIRE(log);
    auto s = session();
    REQUIRE((*store)->plan_session(s));
    auto const write_much = [&] {
        for (int i = 0; i < 500; ++i) {
            ++s.life.kernels["python"].generation;
            REQUIRE((*store)->update_session(s));
        }
    };
    auto const size = [&] {
        return std::filesystem::file_size(file_in(dir) + "-wal");
    };
    write_much();
    auto const once = size();
    CHECK(once > 1'000'000);
    write_much();
    auto const twice = size();
    CHECK(twice > once + 1'000'000);
    // What was moved is written over from its beginning.
    for (int i = 0; i < 5; ++i) {
        REQUIRE(log->shorten());
        write_much();
    }
    CHECK(size() == twice);
    CHECK((*store)->sessions()->front() == s);
}

TEST_CASE("names that expired long ago are forgotten at the start", "[store][sqlite]") {
    ::test::temporary_directory const dir;
    auto const row = session();
    {
        auto const store = open_sqlite_store(file_in(dir));
        REQUIRE((*store)->plan_session(row));
        REQUIRE((*store)->expire_session(row.id, at(0)));
        CHECK(*(*store)->had_expired(row.key, at(-1)));
    }
    auto const store = open_sqlite_store(file_in(dir));
    CHECK_FALSE(*(*store)->had_expired(row.key, at(-1)));
}

TEST_CASE("a full disk is told as such, and the store works again afterwards", "[store][sqlite]") {
    ::test::temporary_directory const dir;
    auto const store = open_sqlite_store(file_in(dir));
    auto const s = session();
    REQUIRE((*store)->plan_session(s));
    // SQLite's own page limit answers as a full disk does.
    REQUIRE((*store)->set_note("before", "x"));
    struct rlimit_guard {
        rlimit_guard() {
            ::getrlimit(RLIMIT_FSIZE, &old);
            rlimit small = old;
            small.rlim_cur = 512 * 1024;
            ::signal(SIGXFSZ, SIG_IGN);
            ::setrlimit(RLIMIT_FSIZE, &small);
        }
        ~rlimit_guard() {
            ::setrlimit(RLIMIT_FSIZE, &old);
            ::signal(SIGXFSZ, SIG_DFL);
        }
        rlimit_guard(rlimit_guard const&) = delete;
        rlimit_guard& operator=(rlimit_guard const&) = delete;
        rlimit old{};
    };
    {
        rlimit_guard const guard;
        auto const refused = (*store)->set_note("big", std::string(2 << 20, 'x'));
        CHECK_FALSE(refused);
        CHECK((*store)->sessions()->size() == 1);
    }
    CHECK((*store)->set_note("big", std::string(2 << 20, 'x')));
}

TEST_CASE("a killed broker has lost nothing that was acknowledged", "[store][sqlite][crash]") {
    ::test::temporary_directory const dir;
    std::set<std::string> told;
    for (int round = 0; round < 60; ++round) {
        auto const now = run_and_kill(file_in(dir), round, 1 + static_cast<std::size_t>(round) % 7);
        told.insert(now.begin(), now.end());
    }
    CHECK(told.size() > 60);
    auto const store = open_sqlite_store(file_in(dir));  // checks the file's integrity
    if (!store) {
        FAIL(store.error().detail);
    }
    std::size_t found = 0;
    for (auto const& row : *(*store)->sessions()) {
        if (told.contains(row.id.str())) {
            ++found;
            CHECK(row.life.generation("python") == 77);
            auto const runs = (*store)->executions(row.id, 10, nullptr);
            REQUIRE(runs->size() == 1);
            CHECK(runs->front().stage == execution_stage::done);
        }
    }
    CHECK(found == told.size());
    // What was not acknowledged is there whole or not at all.
    for (auto const& row : *(*store)->unfinished_executions()) {
        CHECK((row.stage == execution_stage::queued || row.stage == execution_stage::sent));
    }
}
