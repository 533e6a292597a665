// SPDX-License-Identifier: Apache-2.0
// Results of executions that are too large for the table, one file each.
// Never a half-written file under its name. Every call blocks: make it on the pool; any thread.
#pragma once

#include "broker/base/ids.hpp"
#include "broker/base/result.hpp"

#include <cstddef>
#include <string>
#include <string_view>
#include <unordered_set>

namespace broker {

/// Above this a result goes to a file, so that the loop never waits for the disk with it.
inline constexpr std::size_t result_in_table_bytes = std::size_t{64} << 10;

class result_files {
public:
    /// `directory` exists (`state_dir::results`).
    explicit result_files(std::string directory) : directory_(std::move(directory)) {}

    result<void> write(execution_id const& id, std::string_view json) const;
    /// `execution_not_found` when there is none.
    result<std::string> read(execution_id const& id) const;
    /// Nothing happens when there is none.
    void remove(execution_id const& id) const;
    /// At boot: removes every file that no row speaks of.
    result<void> keep_only(std::unordered_set<execution_id> const& ids) const;

private:
    std::string directory_;
};

}  // namespace broker
