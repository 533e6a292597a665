// SPDX-License-Identifier: Apache-2.0
// The steps from an empty file to the present tables. Times are milliseconds since 1970, sizes
// bytes. Never a foreign key without an index on it. One thread, at start.
#include "broker/store/schema.hpp"

#include "broker/base/unique_fd.hpp"

#include <fcntl.h>
#include <fmt/format.h>

#include <array>
#include <cerrno>
#include <system_error>
#include <utility>

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

/// Words, each with a zero byte behind it.
constexpr char const* version_6 =
    "ALTER TABLE execution ADD COLUMN argv BLOB NOT NULL DEFAULT x'';";

/// A session gets a kernel for each language in use. Why everything went stays with the session,
/// why a kernel went is its own.
constexpr char const* version_7 = R"(
ALTER TABLE session ADD COLUMN kernels TEXT NOT NULL DEFAULT '';
UPDATE session SET kernels = language || ' ' || generation || ' ' || told_generation ||
    CASE WHEN pending_reason IS NULL OR pending_reason = 'expired' OR files_lost THEN ' -'
         ELSE ' ' || pending_reason END || char(10)
  WHERE generation > 0;
UPDATE session SET pending_reason = NULL WHERE pending_reason <> 'expired' AND NOT files_lost;
ALTER TABLE session DROP COLUMN generation;
ALTER TABLE session DROP COLUMN told_generation;
ALTER TABLE sandbox ADD COLUMN language TEXT NOT NULL DEFAULT '';
UPDATE sandbox SET language = (SELECT language FROM session WHERE id = sandbox.session);
)";

/// The loop waits with it. Whoever adds a key holds the lock for single milliseconds.
constexpr int lock_wait_ms = 250;

constexpr std::array<char const*, 7> session_steps = {version_1, version_2, version_3, version_4,
                                                      version_5, version_6, version_7};

/// A content counts once for a tenant, whatever number of its versions have it; triggers keep the
/// sums, so that a quota costs one row.
constexpr char const* files_1 = R"(
CREATE TABLE file_version (
  number INTEGER PRIMARY KEY,
  id TEXT NOT NULL UNIQUE,
  tenant TEXT NOT NULL,
  session TEXT NOT NULL,
  path BLOB NOT NULL,
  sha256 BLOB,
  size_bytes INTEGER NOT NULL,
  modified_ns INTEGER NOT NULL,
  created_at INTEGER NOT NULL,
  used_at INTEGER NOT NULL,
  execution TEXT
) STRICT;
CREATE INDEX file_version_by_path ON file_version (session, path, number);
CREATE INDEX file_version_by_use ON file_version (tenant, used_at);
CREATE INDEX file_version_by_age ON file_version (used_at);

CREATE TABLE content (
  tenant TEXT NOT NULL,
  sha256 BLOB NOT NULL,
  size_bytes INTEGER NOT NULL,
  versions INTEGER NOT NULL,
  PRIMARY KEY (tenant, sha256)
) STRICT, WITHOUT ROWID;
CREATE INDEX content_by_sha256 ON content (sha256);

CREATE TABLE usage (
  tenant TEXT PRIMARY KEY,
  bytes INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TRIGGER version_added AFTER INSERT ON file_version WHEN NEW.sha256 IS NOT NULL BEGIN
  INSERT INTO content VALUES (NEW.tenant, NEW.sha256, NEW.size_bytes, 1)
    ON CONFLICT DO UPDATE SET versions = versions + 1;
END;
CREATE TRIGGER version_gone AFTER DELETE ON file_version WHEN OLD.sha256 IS NOT NULL BEGIN
  UPDATE content SET versions = versions - 1 WHERE tenant = OLD.tenant AND sha256 = OLD.sha256;
  DELETE FROM content WHERE tenant = OLD.tenant AND sha256 = OLD.sha256 AND versions = 0;
END;
CREATE TRIGGER content_added AFTER INSERT ON content BEGIN
  INSERT INTO usage VALUES (NEW.tenant, NEW.size_bytes)
    ON CONFLICT DO UPDATE SET bytes = bytes + NEW.size_bytes;
END;
CREATE TRIGGER content_gone AFTER DELETE ON content BEGIN
  UPDATE usage SET bytes = bytes - OLD.size_bytes WHERE tenant = OLD.tenant;
  DELETE FROM usage WHERE tenant = OLD.tenant AND bytes = 0;
END;
)";

/// Files of a skill are shown to code, never taken back from it.
constexpr char const* files_2 =
    "ALTER TABLE file_version ADD COLUMN read_only INTEGER NOT NULL DEFAULT 0;";

constexpr std::array<char const*, 2> version_steps = {files_1, files_2};

result<int> version_of(sqlite3* db) {
    prepared statement("PRAGMA user_version");
    auto q = statement.use(db);
    auto const row = q.step();
    if (!row) {
        return row.error();
    }
    return static_cast<int>(q.integer());
}

failure damaged(std::string const& path, schema const& of, std::string_view why) {
    return fail(errc::internal,
                fmt::format("{} is damaged ({}); move it and its -wal and -shm files away to "
                            "start without {}, or put back a copy",
                            path, why, of.without));
}

result<void> check_integrity(sqlite3* db, std::string const& path, schema const& of) {
    prepared statement("PRAGMA quick_check(1)");
    auto q = statement.use(db);
    auto const row = q.step();
    if (!row) {
        return damaged(path, of, sqlite3_errmsg(db));
    }
    if (auto const said = q.text(); said != "ok") {
        return damaged(path, of, said);
    }
    return {};
}

/// How this program uses its connection: the log beside the table, what is waited for and how long.
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

/// Reads only.
result<void> check_file(sqlite3* db, std::string const& path, schema const& of) {
    auto const version = version_of(db);
    if (!version) {
        return damaged(path, of, sqlite3_errmsg(db));
    }
    if (*version > of.version()) {
        return fail(errc::internal,
                    fmt::format("{} was written by a newer kernel-broker (its version is {}, this "
                                "program knows up to {}); use that one, or another state directory",
                                path, *version, of.version()));
    }
    return check_integrity(db, path, of);
}

result<void> migrate(sqlite3* db, schema const& to) {
    transaction t(db);
    if (auto begun = t.begin(); !begun) {
        return begun;
    }
    auto const version = version_of(db);
    if (!version) {
        return version.error();
    }
    if (*version == to.version()) {
        return t.commit();
    }
    for (auto v = static_cast<std::size_t>(*version); v < to.steps.size(); ++v) {
        if (auto done = run_script(db, to.steps[v]); !done) {
            return done;
        }
    }
    auto const stamp = fmt::format("PRAGMA user_version = {}", to.version());
    if (auto done = run_script(db, stamp.c_str()); !done) {
        return done;
    }
    return t.commit();
}

/// SQLite would make the file with the process's umask; the log beside it inherits its mode.
result<void> make_file(std::string const& path) {
    unique_fd const fd(::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600));
    if (!fd) {
        return fail(errc::internal, fmt::format("{} cannot be opened: {}", path,
                                                std::system_category().message(errno)));
    }
    return {};
}

}  // namespace

schema const& session_schema() noexcept {
    static constexpr schema all{session_steps, "sessions"};
    return all;
}

schema const& version_schema() noexcept {
    static constexpr schema all{version_steps, "the file versions of before"};
    return all;
}

result<database_ptr> open_tables(std::string const& path, schema const& of) {
    if (auto made = make_file(path); !made) {
        return made.error();
    }
    auto opened = open_database(path);
    if (!opened) {
        return opened.error();
    }
    auto db = std::move(*opened);
    // Before anything writes: a file that is not ours to use stays as it is.
    if (auto checked = check_file(db.get(), path, of); !checked) {
        return checked.error();
    }
    if (auto done = configure(db.get()); !done) {
        return done.error();
    }
    if (auto done = migrate(db.get(), of); !done) {
        return done.error();
    }
    return db;
}

}  // namespace broker
