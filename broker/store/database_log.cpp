// SPDX-License-Identifier: Apache-2.0
// Passive checkpoints. Never one that waits for others. Blocks on the disk.
#include "broker/store/database_log.hpp"

#include <sqlite3.h>

#include <utility>

namespace broker {

result<database_log> database_log::open(std::string const& path) {
    auto opened = open_database(path);
    if (!opened) {
        return opened.error();
    }
    // A connection that has read nothing yet knows of no log, and would shorten none.
    if (auto read = run_script(opened->get(), "SELECT count(*) FROM sqlite_schema"); !read) {
        return read.error();
    }
    return database_log(std::move(*opened));
}

result<void> database_log::shorten() {
    int const done =
        sqlite3_wal_checkpoint_v2(db_.get(), nullptr, SQLITE_CHECKPOINT_PASSIVE, nullptr, nullptr);
    if (done != SQLITE_OK && done != SQLITE_BUSY && done != SQLITE_LOCKED) {
        return database_failure(db_.get(), "shortening the log");
    }
    return {};
}

}  // namespace broker
