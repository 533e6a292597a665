// SPDX-License-Identifier: Apache-2.0
// A thin owner of one SQLite connection and its prepared statements: bind in order, step, read in
// order. Never builds SQL from values. Errors are values and carry SQLite's own words. One thread.
#pragma once

#include "broker/base/result.hpp"
#include "broker/base/time.hpp"

#include <sqlite3.h>

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

namespace broker {

struct close_database {
    void operator()(sqlite3* db) const noexcept { sqlite3_close_v2(db); }
};
using database_ptr = std::unique_ptr<sqlite3, close_database>;

struct finalize_statement {
    void operator()(sqlite3_stmt* s) const noexcept { sqlite3_finalize(s); }
};

/// `internal`, with what SQLite says of `db`.
failure database_failure(sqlite3* db, std::string_view doing);

/// A connection to a file that is there, for one thread at a time.
result<database_ptr> open_database(std::string const& path);

/// One or more statements without values or rows.
result<void> run_script(sqlite3* db, char const* sql);

/// One use of a prepared statement. Views bound must live until it is stepped; columns are read
/// left to right, and text read is copied. Resets the statement at the end.
class query {
public:
    query(sqlite3* db, sqlite3_stmt* prepared) : db_(db), statement_(prepared) {}
    query(query const&) = delete;
    query& operator=(query const&) = delete;
    ~query();

    query& bind(std::string_view text);
    query& bind(std::int64_t value);
    query& bind(double value);
    query& bind(bool value) { return bind(std::int64_t{value ? 1 : 0}); }
    query& bind(std::uint32_t value) { return bind(static_cast<std::int64_t>(value)); }
    query& bind(std::uint64_t value) { return bind(static_cast<std::int64_t>(value)); }
    query& bind(wall_time value) { return bind(std::int64_t{value.time_since_epoch().count()}); }
    query& bind_null();
    /// For a column of bytes.
    query& bind_bytes(std::string_view bytes);
    /// For what does not live until the statement is stepped.
    query& bind_copy(std::string const& text);
    query& bind_bytes_copy(std::string const& bytes);

    template <class T>
    query& bind(std::optional<T> const& value) {
        return value ? bind(*value) : bind_null();
    }

    /// Views of a temporary would dangle.
    query& bind(char const*) = delete;

    /// True when there is a row to read.
    result<bool> step();
    /// For statements without rows.
    result<void> run();

    std::string text();
    std::int64_t integer();
    double number();
    bool boolean() { return integer() != 0; }
    wall_time wall() { return wall_time{std::chrono::milliseconds{integer()}}; }
    std::optional<wall_time> optional_wall();
    std::optional<std::int64_t> optional_integer();
    std::optional<std::string> optional_text();

private:
    bool null_here() const { return sqlite3_column_type(statement_, column_) == SQLITE_NULL; }

    sqlite3* db_;
    sqlite3_stmt* statement_;
    int parameter_ = 0;
    int column_ = 0;
    int bind_error_ = SQLITE_OK;
};

/// A statement that is prepared at its first use and kept.
class prepared {
public:
    explicit prepared(char const* sql) : sql_(sql) {}

    /// Preparing fails only on a broken file or a bug in the text; the first step tells.
    query use(sqlite3* db);

private:
    char const* sql_;
    std::unique_ptr<sqlite3_stmt, finalize_statement> statement_;
};

/// Rolls back unless it was committed.
class transaction {
public:
    explicit transaction(sqlite3* db) : db_(db) {}
    transaction(transaction const&) = delete;
    transaction& operator=(transaction const&) = delete;
    ~transaction();

    /// Takes the write lock at once, so that nothing fails half-way for want of it.
    result<void> begin();
    result<void> commit();

private:
    sqlite3* db_;
    bool open_ = false;
};

}  // namespace broker
