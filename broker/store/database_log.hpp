// SPDX-License-Identifier: Apache-2.0
// Keeps the write-ahead log of the database short: what was written there is moved to the database
// itself (SQLite's checkpoint), which waits for the disk and is therefore no work of the loop.
// Never holds up a reader or a writer. A connection of its own; blocks; one call at a time.
#pragma once

#include "broker/base/result.hpp"
#include "broker/store/statement.hpp"

#include <string>
#include <utility>

namespace broker {

class database_log {
public:
    static result<database_log> open(std::string const& path);

    /// What is still being read or written stays for the next time.
    result<void> shorten();

private:
    explicit database_log(database_ptr db) : db_(std::move(db)) {}
    database_ptr db_;
};

}  // namespace broker
