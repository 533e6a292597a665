// SPDX-License-Identifier: Apache-2.0
// The tables of our databases and how a file of an earlier version becomes one of this.
// Never changes a step that was released: a new version is a new step. One thread, at start.
#pragma once

#include "broker/store/statement.hpp"

#include <span>
#include <string>

namespace broker {

/// The tables of one kind of file. Step `n` makes version `n + 1` of version `n`; the newest that
/// this program can use is their number (`PRAGMA user_version`).
struct schema {
    std::span<char const* const> steps;
    char const* without;  // what is missing when one starts without the file

    int version() const noexcept { return static_cast<int>(steps.size()); }
};

/// Of broker.db: sessions, sandboxes, executions, keys.
schema const& session_schema() noexcept;

/// Of versions.db: versions of files, and how much of a tenant's they are.
schema const& version_schema() noexcept;

/// Makes the file (mode 0600) and its tables, or checks and migrates them, in one transaction. A
/// file that is damaged, is no database or was written by a newer version fails with a sentence for
/// the operator, and stays as it is. The connection has a log beside the table, which it commits to
/// without waiting for the disk and never writes back by itself.
result<database_ptr> open_tables(std::string const& path, schema const& of);

}  // namespace broker
