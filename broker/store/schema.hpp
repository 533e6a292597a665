// SPDX-License-Identifier: Apache-2.0
// The tables of broker.db and how a file of an earlier version becomes one of this.
// Never changes a step that was released: a new version is a new step. One thread, at start.
#pragma once

#include "broker/store/statement.hpp"

#include <string>

namespace broker {

/// Version of the newest file this program can use (`PRAGMA user_version`).
int schema_version() noexcept;

/// Reads only. Fails with a sentence for the operator when the file is damaged, is no database or
/// was written by a newer version.
result<void> check_file(sqlite3* db, std::string const& path);

/// How this program uses its connection: the log beside the table, what is waited for and how long.
result<void> configure(sqlite3* db);

/// Brings the tables up to date in one transaction; the file passed `check_file`.
result<void> migrate(sqlite3* db);

}  // namespace broker
