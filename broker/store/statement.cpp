// SPDX-License-Identifier: Apache-2.0
// Binding, stepping and reading. Never throws, never swallows an error code. One thread.
#include "broker/store/statement.hpp"

#include <fmt/format.h>

namespace broker {

failure database_failure(sqlite3* db, std::string_view doing) {
    if (sqlite3_errcode(db) == SQLITE_FULL) {
        return fail(errc::no_capacity, "the broker's own disk is full");
    }
    return fail(errc::internal, fmt::format("the table: {}: {} ({})", doing, sqlite3_errmsg(db),
                                            sqlite3_extended_errcode(db)));
}

result<database_ptr> open_database(std::string const& path) {
    sqlite3* raw = nullptr;
    int const opened =
        sqlite3_open_v2(path.c_str(), &raw, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX, nullptr);
    database_ptr db(raw);
    if (opened != SQLITE_OK) {
        return database_failure(db.get(), path);
    }
    return db;
}

result<void> run_script(sqlite3* db, char const* sql) {
    if (sqlite3_exec(db, sql, nullptr, nullptr, nullptr) != SQLITE_OK) {
        return database_failure(db, "a statement failed");
    }
    return {};
}

query::~query() {
    sqlite3_reset(statement_);
    sqlite3_clear_bindings(statement_);
}

query& query::bind(std::string_view text) {
    // An empty view may have no data, which SQLite would take for NULL.
    char const* const data = text.data() == nullptr ? "" : text.data();
    bind_error_ |= sqlite3_bind_text64(statement_, ++parameter_, data, text.size(), SQLITE_STATIC,
                                       SQLITE_UTF8);
    return *this;
}

query& query::bind(std::int64_t value) {
    bind_error_ |= sqlite3_bind_int64(statement_, ++parameter_, value);
    return *this;
}

query& query::bind(double value) {
    bind_error_ |= sqlite3_bind_double(statement_, ++parameter_, value);
    return *this;
}

query& query::bind_null() {
    bind_error_ |= sqlite3_bind_null(statement_, ++parameter_);
    return *this;
}

query& query::bind_bytes(std::string_view bytes) {
    // A null pointer would be NULL.
    bind_error_ |= sqlite3_bind_blob64(statement_, ++parameter_, bytes.empty() ? "" : bytes.data(),
                                       bytes.size(), SQLITE_STATIC);
    return *this;
}

query& query::bind_bytes_copy(std::string const& bytes) {
    bind_error_ |=
        sqlite3_bind_blob64(statement_, ++parameter_, bytes.data(), bytes.size(), SQLITE_TRANSIENT);
    return *this;
}

query& query::bind_copy(std::string const& text) {
    bind_error_ |= sqlite3_bind_text64(statement_, ++parameter_, text.data(), text.size(),
                                       SQLITE_TRANSIENT, SQLITE_UTF8);
    return *this;
}

result<bool> query::step() {
    if (statement_ == nullptr || bind_error_ != SQLITE_OK) {
        return database_failure(db_, "a statement could not be prepared");
    }
    column_ = 0;
    switch (sqlite3_step(statement_)) {
        case SQLITE_ROW:
            return true;
        case SQLITE_DONE:
            return false;
        default:
            return database_failure(db_, "a statement failed");
    }
}

result<void> query::run() {
    auto const stepped = step();
    if (!stepped) {
        return stepped.error();
    }
    return {};
}

std::string query::text() {
    auto const* const data = static_cast<char const*>(sqlite3_column_blob(statement_, column_));
    auto const size = static_cast<std::size_t>(sqlite3_column_bytes(statement_, column_));
    ++column_;
    return data == nullptr ? std::string() : std::string(data, size);
}

std::int64_t query::integer() { return sqlite3_column_int64(statement_, column_++); }

double query::number() { return sqlite3_column_double(statement_, column_++); }

std::optional<wall_time> query::optional_wall() {
    auto const value = optional_integer();
    return value ? std::optional(wall_time{std::chrono::milliseconds{*value}}) : std::nullopt;
}

std::optional<std::int64_t> query::optional_integer() {
    if (null_here()) {
        ++column_;
        return std::nullopt;
    }
    return integer();
}

std::optional<std::string> query::optional_text() {
    if (null_here()) {
        ++column_;
        return std::nullopt;
    }
    return text();
}

query prepared::use(sqlite3* db) {
    if (!statement_) {
        sqlite3_stmt* made = nullptr;
        sqlite3_prepare_v3(db, sql_, -1, SQLITE_PREPARE_PERSISTENT, &made, nullptr);
        statement_.reset(made);
    }
    return {db, statement_.get()};
}

transaction::~transaction() {
    if (open_) {
        sqlite3_exec(db_, "ROLLBACK", nullptr, nullptr, nullptr);
    }
}

result<void> transaction::begin() {
    auto begun = run_script(db_, "BEGIN IMMEDIATE");
    open_ = begun.has_value();
    return begun;
}

result<void> transaction::commit() {
    auto done = run_script(db_, "COMMIT");
    open_ = open_ && !done.has_value();
    return done;
}

}  // namespace broker
