// SPDX-License-Identifier: Apache-2.0
// The steps from an empty file to the present tables. Times are milliseconds since 1970, sizes
// bytes. Never a foreign key without an index on it. One thread, at start.
#include "broker/store/schema.hpp"

#include <fmt/format.h>

#include <array>

namespace broker {
namespace {

constexpr char const* version_1 = R"(
CREATE TABLE session (
  id TEXT PRIMARY KEY,
  tenant TEXT NOT NULL,
  name TEXT NOT NULL,
  language TEXT NOT NULL,
  image_digest TEXT NOT NULL,
  uid INTEGER NOT NULL,
  memory_bytes INTEGER NOT NULL,
  cpus REAL NOT NULL,
  pids INTEGER NOT NULL,
  disk_bytes INTEGER NOT NULL,
  timeout_s REAL NOT NULL,
  idle_timeout_s REAL NOT NULL,
  labels TEXT NOT NULL,
  generation INTEGER NOT NULL,
  told_generation INTEGER NOT NULL,
  pending_reason TEXT,
  files_lost INTEGER NOT NULL,
  closing INTEGER NOT NULL,
  created_at INTEGER NOT NULL,
  last_used_at INTEGER NOT NULL,
  UNIQUE (tenant, name)
) STRICT, WITHOUT ROWID;

CREATE TABLE expired (
  tenant TEXT NOT NULL,
  name TEXT NOT NULL,
  keep_until INTEGER NOT NULL,
  PRIMARY KEY (tenant, name)
) STRICT, WITHOUT ROWID;

CREATE TABLE sandbox (
  id TEXT PRIMARY KEY,
  session TEXT NOT NULL REFERENCES session (id) ON DELETE CASCADE,
  generation INTEGER NOT NULL,
  stage TEXT NOT NULL CHECK (stage IN ('planned', 'created', 'started', 'ready', 'ending')),
  hmac_key TEXT NOT NULL,
  socket_prefix TEXT NOT NULL,
  created_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX sandbox_by_session ON sandbox (session);

CREATE TABLE execution (
  number INTEGER PRIMARY KEY,
  id TEXT NOT NULL UNIQUE,
  session TEXT NOT NULL REFERENCES session (id) ON DELETE CASCADE,
  stage TEXT NOT NULL CHECK (stage IN ('queued', 'sent', 'done')),
  code_sha256 TEXT NOT NULL,
  language TEXT NOT NULL,
  timeout_s REAL NOT NULL,
  silent INTEGER NOT NULL,
  store_history INTEGER NOT NULL,
  collect_files INTEGER NOT NULL,
  queued_at INTEGER NOT NULL,
  started_at INTEGER,
  ended_at INTEGER,
  deadline_steady_ns INTEGER,
  began_state TEXT NOT NULL,
  began_reason TEXT,
  began_generation INTEGER NOT NULL,
  outcome TEXT,
  result_in_file INTEGER NOT NULL,
  result TEXT NOT NULL
) STRICT;
CREATE INDEX execution_by_session ON execution (session, number);
CREATE INDEX execution_unfinished ON execution (number) WHERE stage <> 'done';

CREATE TABLE api_key (
  id TEXT PRIMARY KEY,
  name TEXT NOT NULL,
  tenant TEXT NOT NULL,
  sha256 TEXT NOT NULL UNIQUE,
  created_at INTEGER NOT NULL,
  revoked_at INTEGER
) STRICT, WITHOUT ROWID;

CREATE TABLE note (
  name TEXT PRIMARY KEY,
  value TEXT NOT NULL
) STRICT, WITHOUT ROWID;
)";

/// Of a session made before, nobody knows: a missing workspace is then taken for one never made.
constexpr char const* version_2 =
    "ALTER TABLE session ADD COLUMN has_files INTEGER NOT NULL DEFAULT 0;";

/// Unfinished executions are read at a start only: an index on them was two more pages for each.
constexpr char const* version_3 = "DROP INDEX execution_unfinished;";

/// An execution becomes a resource. `result` holds its outputs from here on, `summary` the rest;
/// what an earlier version left in `result` was always empty.
constexpr char const* version_4 = R"(
ALTER TABLE execution ADD COLUMN allow_stdin INTEGER NOT NULL DEFAULT 0;
ALTER TABLE execution ADD COLUMN idempotency_key TEXT;
ALTER TABLE execution ADD COLUMN request_sha256 TEXT NOT NULL DEFAULT '';
ALTER TABLE execution ADD COLUMN summary TEXT NOT NULL DEFAULT '';
ALTER TABLE execution ADD COLUMN events_at INTEGER NOT NULL DEFAULT 0;
ALTER TABLE execution ADD COLUMN file_bytes INTEGER NOT NULL DEFAULT 0;
ALTER TABLE execution ADD COLUMN events BLOB NOT NULL DEFAULT x'';
CREATE UNIQUE INDEX execution_by_idempotency_key ON execution (session, idempotency_key)
  WHERE idempotency_key IS NOT NULL;
CREATE TABLE pruned_execution (
  number INTEGER PRIMARY KEY,
  id TEXT NOT NULL UNIQUE,
  session TEXT NOT NULL REFERENCES session (id) ON DELETE CASCADE
) STRICT;
CREATE INDEX pruned_execution_by_session ON pruned_execution (session, number);
)";

constexpr char const* version_5 = "ALTER TABLE execution ADD COLUMN code BLOB;";

/// The loop waits with it. Whoever adds a key holds the lock for single milliseconds.
constexpr int lock_wait_ms = 250;

/// Step `n` makes version `n + 1` of version `n`.
constexpr std::array<char const*, 5> steps_of_schema = {version_1, version_2, version_3, version_4,
                                                        version_5};

result<int> version_of(sqlite3* db) {
    prepared statement("PRAGMA user_version");
    auto q = statement.use(db);
    auto const row = q.step();
    if (!row) {
        return row.error();
    }
    return static_cast<int>(q.integer());
}

failure damaged(std::string const& path, std::string_view why) {
    return fail(errc::internal,
                fmt::format("{} is damaged ({}); move it and its -wal and -shm files away to "
                            "start without sessions, or put back a copy",
                            path, why));
}

result<void> check_integrity(sqlite3* db, std::string const& path) {
    prepared statement("PRAGMA quick_check(1)");
    auto q = statement.use(db);
    auto const row = q.step();
    if (!row) {
        return damaged(path, sqlite3_errmsg(db));
    }
    if (auto const said = q.text(); said != "ok") {
        return damaged(path, said);
    }
    return {};
}

}  // namespace

result<void> configure(sqlite3* db) {
    sqlite3_busy_timeout(db, lock_wait_ms);
    sqlite3_extended_result_codes(db, 1);
    return run_script(db,
                      "PRAGMA journal_mode = WAL;"
                      "PRAGMA synchronous = NORMAL;"
                      "PRAGMA foreign_keys = ON;"
                      "PRAGMA trusted_schema = OFF;"
                      "PRAGMA temp_store = MEMORY;"
                      // `database_log` does it, off the loop: it waits for the disk.
                      "PRAGMA wal_autocheckpoint = 0;"
                      "PRAGMA journal_size_limit = 16777216;");
}

int schema_version() noexcept { return static_cast<int>(steps_of_schema.size()); }

result<void> check_file(sqlite3* db, std::string const& path) {
    auto const version = version_of(db);
    if (!version) {
        return damaged(path, sqlite3_errmsg(db));
    }
    if (*version > schema_version()) {
        return fail(errc::internal,
                    fmt::format("{} was written by a newer kernel-broker (its version is {}, this "
                                "program knows up to {}); use that one, or another state directory",
                                path, *version, schema_version()));
    }
    return check_integrity(db, path);
}

result<void> migrate(sqlite3* db) {
    transaction t(db);
    if (auto begun = t.begin(); !begun) {
        return begun;
    }
    auto const version = version_of(db);
    if (!version) {
        return version.error();
    }
    if (*version == schema_version()) {
        return t.commit();
    }
    for (auto v = static_cast<std::size_t>(*version); v < steps_of_schema.size(); ++v) {
        if (auto done = run_script(db, steps_of_schema[v]); !done) {
            return done;
        }
    }
    auto const stamp = fmt::format("PRAGMA user_version = {}", schema_version());
    if (auto done = run_script(db, stamp.c_str()); !done) {
        return done;
    }
    return t.commit();
}

}  // namespace broker
