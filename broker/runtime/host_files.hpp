// SPDX-License-Identifier: Apache-2.0
// Small files of the host (cgroups, /proc, our own state) read and written whole.
// Never for a path that a sandbox can write, but for `remove_tree`, which follows nothing. Blocks;
// any thread.
#pragma once

#include <sys/types.h>

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace broker {

/// The file's bytes, at most `at_most` of them; nothing when it cannot be opened or read.
std::optional<std::string> read_host_file(std::string const& path, std::size_t at_most = 1U << 20);

/// Writes to a file that exists (a cgroup's). 0 or errno.
int write_host_file(std::string const& path, std::string_view text);

/// Creates a file that must not exist yet, with exactly this mode and owner. 0 or errno.
int create_host_file(std::string const& path, std::string_view text, mode_t mode, uid_t uid = 0,
                     gid_t gid = 0);

/// Creates a directory; one that exists is fine. 0 or errno.
int make_directory(std::string const& path, mode_t mode);

/// Names in a directory without `.` and `..`; empty when there is none.
std::vector<std::string> names_in(std::string const& path);

bool path_exists(std::string const& path);

/// Deletes `parent/name` with everything below, however deep, with three descriptors and constant
/// stack: directories found below are moved up before they are emptied. True when nothing is left.
bool remove_tree(std::string const& parent, std::string const& name);

/// For a sentence to a person: `strerror` without its shared buffer.
std::string describe_errno(int error);

}  // namespace broker
