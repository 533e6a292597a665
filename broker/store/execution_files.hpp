// SPDX-License-Identifier: Apache-2.0
// What of executions is too large for the table: outputs as one text, events as a file that grows.
// Never a half-written text under its name; events may end in the middle of one.
// Every call blocks, if only for a moment: what is long goes to the pool. Any thread.
#pragma once

#include "broker/base/ids.hpp"
#include "broker/base/result.hpp"
#include "broker/base/unique_fd.hpp"

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <unordered_set>

namespace broker {

/// Above this a result goes to a file, so that the loop never waits for the disk with it.
inline constexpr std::size_t result_in_table_bytes = std::size_t{64} << 10;

class execution_files {
public:
    /// `directory` exists (`state_dir::results`).
    explicit execution_files(std::string directory) : directory_(std::move(directory)) {}

    result<void> write_result(execution_id const& id, std::string_view json) const;
    /// `execution_not_found` when there is none.
    result<std::string> read_result(execution_id const& id) const;

    /// To read anywhere and to append; made when there is none and `may_make`, else
    /// `execution_not_found`.
    result<unique_fd> open_events(execution_id const& id, bool may_make) const;

    /// Both. Nothing happens when there is none.
    void remove(execution_id const& id) const;
    /// Those that were not all kept.
    void remove_events(execution_id const& id) const;
    /// At boot: removes every file that no row speaks of.
    result<void> keep_only(std::unordered_set<execution_id> const& ids) const;

private:
    std::string path_of(execution_id const& id) const { return directory_ + "/" + id.str(); }
    std::string events_of(execution_id const& id) const { return path_of(id) + ".events"; }

    std::string directory_;
};

/// All of `bytes` at the end of a file of events.
result<void> append_to(int events, std::string_view bytes);

/// At most `bytes` from `offset`; fewer at its end.
result<std::string> read_from(int events, std::uint64_t offset, std::size_t bytes);

}  // namespace broker
