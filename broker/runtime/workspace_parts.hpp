// SPDX-License-Identifier: Apache-2.0
// What both kinds of workspace have in common: the two directories inside, the names outside.
// Never looks at what a session put there, but for emptying the staging directory. Blocks; any
// thread.
#pragma once

#include "broker/runtime/workspace_store.hpp"

#include <string>
#include <string_view>
#include <vector>

namespace broker {

/// Opens `data` and `staging` below `root`, a host directory that only root can reach; makes what
/// is missing. `internal` when `data` belongs to another uid.
result<workspace> open_parts(std::string const& root, uid_t owner);

/// The names in a directory that end in `suffix`, without it.
std::vector<std::string> entries_of(std::string const& directory, std::string_view suffix);

/// The sessions named by the entries of a directory: `<id><suffix>`; other names are passed over.
std::vector<session_id> sessions_in(std::string const& directory, std::string_view suffix);

/// Makes a directory of mode 0700; one that exists is fine.
result<void> make_private_directory(std::string const& path);

bool exists(std::string const& path);

/// Empties and removes a directory, whatever is in it. Idempotent.
result<void> remove_directory(std::string const& path);

/// `no_capacity` when less than `reserve` bytes are free on the file system of `path`.
result<void> check_host_space(std::string const& path, std::uint64_t reserve);

failure host_failure(std::string_view doing, int error_number);

}  // namespace broker
