// SPDX-License-Identifier: Apache-2.0
// Rows into statements and out of them. Never trusts a word in the file: one that is unknown makes
// the row unreadable, and that is said. One thread.
#pragma once

#include "broker/store/rows.hpp"
#include "broker/store/statement.hpp"

namespace broker {

// Columns are bound and read in the order in which `sql.hpp` names them.

/// As the table holds it.
std::int64_t number_of(close_kind why) noexcept;

void bind_session(query& q, session_row const& row);
result<session_row> read_session(query& q);

void bind_sandbox(query& q, sandbox_row const& row);
result<sandbox_row> read_sandbox(query& q);

void bind_execution(query& q, execution_row const& row);
result<execution_row> read_execution(query& q);

void bind_key(query& q, key_row const& row);
key_row read_key(query& q);

}  // namespace broker
