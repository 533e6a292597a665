// SPDX-License-Identifier: Apache-2.0
// The session store in one SQLite file (write-ahead log, synchronous NORMAL, strict tables).
// Never opens a file that a newer broker wrote or that is damaged: it says so and leaves it as it
// is. One connection, one thread; other processes may hold connections of their own.
#pragma once

#include "broker/store/session_store.hpp"

#include <memory>
#include <string>

namespace broker {

/// Makes the file (mode 0600) and its tables, or checks and migrates them. Fails with a sentence
/// for the operator.
result<std::unique_ptr<session_store>> open_sqlite_store(std::string const& path);

}  // namespace broker
