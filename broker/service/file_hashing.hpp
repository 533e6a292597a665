// SPDX-License-Identifier: Apache-2.0
// Identity and digest of an open file of a workspace, and the clock that file systems stamp with.
// Never reads more than a budget: a sparse file of a terabyte costs its session nothing to make.
// Blocks; any thread.
#pragma once

#include "broker/base/sha256.hpp"
#include "broker/core/file_identity.hpp"
#include "broker/core/hash_cache.hpp"
#include "broker/runtime/workspace_store.hpp"

#include <sys/stat.h>

#include <cstdint>
#include <optional>
#include <string>

namespace broker {

/// CLOCK_REALTIME_COARSE and its resolution: the stamps of Linux file systems.
std::int64_t file_clock_ns();
std::int64_t file_clock_tick_ns();

file_identity identity_of(struct stat const& status);

/// For one file whose etag is asked for: the same for every call, so that its etag is, too.
std::uint64_t hash_budget(workspace const& in);

struct hashed_file {
    file_identity identity;  // before and after hashing, if it held still long enough
    /// Absent: the budget does not allow it, the file is larger than its file system, or it never
    /// held still.
    std::optional<sha256_digest> sha256;
};

/// What was read is taken from `budget`.
hashed_file hash_open_file(workspace const& in, int fd, hash_cache& hashes, std::uint64_t& budget);

/// With its quotes. Of the digest where there is one, else of the identity.
std::string etag_of(hashed_file const& file);

}  // namespace broker
