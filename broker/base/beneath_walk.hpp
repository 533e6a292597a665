// SPDX-License-Identifier: Apache-2.0
// Visits the regular files of a tree below a descriptor, in the byte order of their paths.
// Never follows a symlink, never leaves the mount, and never holds more than one descriptor a level
// or more names than its caps allow. Blocks; any thread.
#pragma once

#include "broker/base/beneath.hpp"

#include <sys/stat.h>

#include <cstddef>
#include <functional>
#include <optional>
#include <string>
#include <vector>

namespace broker::beneath {

struct walk_range {
    std::string prefix;           // only paths that start with it
    std::string after;            // only paths behind it
    std::size_t names = 200'000;  // directory entries read, then the walk ends
    std::size_t depth = 32;       // parts of a path; what lies deeper is left out
    std::size_t directories = 0;  // told of in the summary, at most
};

struct walked_file {
    std::string const& path;
    struct stat const& status;
};

/// As it was before its names were read; the top has an empty path.
struct walked_directory {
    std::string path;  // without a slash behind it
    struct stat status;
};

struct walk_summary {
    /// Set when the cap on names ended the walk: everything before this path was visited, nothing
    /// from it on.
    std::optional<std::string> complete_until;
    bool too_deep = false;  // something was left out for its depth
    std::vector<walked_directory> directories;
    bool more_directories = false;  // than the range wanted to be told of
};

/// `visit` returns false to end the walk. A tree that changes meanwhile gives what is found at each
/// moment; names that vanish are passed over.
outcome<walk_summary> walk_files(int root, walk_range const& range,
                                 std::function<bool(walked_file const&)> const& visit);

}  // namespace broker::beneath
