// SPDX-License-Identifier: Apache-2.0
// The files of one workspace as clients see them: listing, reading, replacing, deleting, comparing.
// Never reaches a file by a path of the host, never gives out what is not a regular file of the
// session, never shows half an upload. Every function but `is_still` blocks and is made for the
// pool; calls for the same workspace may run at once, each with a hash_cache of its own (lend it,
// or give an empty one).
#pragma once

#include "broker/base/ids.hpp"
#include "broker/base/result.hpp"
#include "broker/base/unique_fd.hpp"
#include "broker/core/hash_cache.hpp"
#include "broker/core/workspace_diff.hpp"
#include "broker/core/workspace_path.hpp"
#include "broker/runtime/workspace_store.hpp"

#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

namespace broker {

struct file_info {
    std::string path;  // bytes, not necessarily UTF-8
    std::uint64_t size_bytes = 0;
    /// Absent for a sparse giant (larger than its file system) and past the hashing budget of a
    /// call.
    std::optional<sha256_digest> sha256;
    /// Absent: none has this content.
    std::optional<file_version_id> version = std::nullopt;
    std::int64_t modified_ns = 0;  // since 1970
};

struct file_query {
    std::string prefix;  // of the whole path, as bytes; need not end at a `/`
    std::size_t limit = 100;
    std::string cursor;  // `next_cursor` of the page before; empty: from the start
};

struct file_page {
    std::vector<file_info> files;  // in the byte order of paths
    std::optional<std::string> next_cursor;
    /// False when there may be files that no page shows: deeper than a path can be, or past the
    /// number of names one call looks at.
    bool complete = true;
};

/// `invalid_field` for a cursor that is not ours.
result<file_page> list_files(workspace const& in, file_query const& query, hash_cache& hashes);

struct opened_file {
    unique_fd file;    // for reading
    file_info info;    // as of opening; send exactly `size_bytes` or break the connection
    std::string etag;  // with its quotes, never weak
};

/// `file_not_found` for whatever is not a regular file of the session.
result<opened_file> open_file(workspace const& in, workspace_path const& path, hash_cache& hashes);

/// What stands at a path, as a condition sees it.
struct file_state {
    std::string etag;  // with its quotes; empty: no file
    std::int64_t modified_ns = 0;
};

/// Whether a change may be made of what is there; empty: it may. Called on the pool.
using file_condition = std::function<bool(file_state const&)>;

/// `file_not_found` likewise. `precondition_failed` when the condition does not hold, also of what
/// is not there.
result<void> delete_file(workspace const& in, workspace_path const& path,
                         file_condition const& condition, hash_cache& hashes);

/// What bounds one scan, so that a hostile tree costs its own session only.
struct scan_caps {
    std::size_t entries = 20'000;           // files kept in a snapshot
    std::size_t path_bytes = 4U << 20;      // of their paths together
    std::size_t names = 200'000;            // directory entries looked at
    std::uint64_t hash_bytes = 2ULL << 30;  // read for hashing
};

/// Looks at every regular file. Hashes those that changed within two clock ticks of this look or of
/// `previous`; past a cap the snapshot says so.
result<workspace_snapshot> take_snapshot(workspace const& in, workspace_snapshot const* previous,
                                         hash_cache& hashes, scan_caps const& caps = {});

/// Nothing in a small workspace changed since `seen`: no name, no file. False where that cannot be
/// told from what the kernel has in memory; then only another look tells. Never waits, so this one
/// is for the loop.
bool is_still(workspace const& in, workspace_snapshot const& seen);

}  // namespace broker
