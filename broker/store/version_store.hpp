// SPDX-License-Identifier: Apache-2.0
// Versions of files: what stood at a path of a session at the end of an execution or an upload.
// Never says that a version is there before it would outlive the host's power, and never changes
// one. All calls block, wait for the disk, and are made one at a time on a pool (a strand), but for
// `contents().begin` and `read`, which any thread may use meanwhile.
#pragma once

#include "broker/base/ids.hpp"
#include "broker/base/result.hpp"
#include "broker/base/time.hpp"
#include "broker/store/content_store.hpp"

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

namespace broker {

struct file_version {
    file_version_id id;
    std::string tenant;
    session_id session;  // or one upload that has none: the id is then of nothing else
    std::string path;    // bytes, not necessarily UTF-8
    /// Absent: the file was deleted.
    std::optional<content_key> content;
    std::int64_t modified_ns = 0;  // since 1970
    wall_time created_at;
    std::optional<execution_id> execution;  // that made it; else an upload or a client's call
    bool read_only = false;                 // what code makes of it is not kept

    friend bool operator==(file_version const&, file_version const&) = default;
};

/// Newest first.
struct version_page {
    std::vector<file_version> versions;
    std::optional<file_version_id> next;  // to go on behind
};

/// How long versions stay since they were last used, and how much a tenant may have of them.
struct version_keep {
    wall_time since;     // what was not used since then goes
    wall_time at_least;  // what was used since then never goes for want of room
    std::uint64_t tenant_bytes = UINT64_MAX;
};

class version_store {
public:
    virtual ~version_store() = default;
    version_store() = default;
    version_store(version_store const&) = delete;
    version_store& operator=(version_store const&) = delete;

    virtual content_store const& contents() const noexcept = 0;

    /// All or none; ids are given here. `drafts` are finished, and hold what `made` is about that
    /// is not in the store yet. Where a tenant would have more than it may, what it used longest
    /// ago goes first; `no_capacity` when that is not enough.
    virtual result<std::vector<file_version>> add(std::vector<file_version> made,
                                                  std::vector<content_draft> drafts,
                                                  version_keep const& keep) = 0;

    /// Of that tenant only, and it counts as used now. `file_not_found` else.
    virtual result<file_version> use(std::string const& tenant, file_version_id const& id,
                                     wall_time now) = 0;

    /// Those behind `before`, when given. A `before` that is none of the path's: `invalid_field`.
    virtual result<version_page> of_path(session_id const& session, std::string const& path,
                                         std::size_t limit, file_version_id const* before) = 0;

    /// The newest of each path that has one, in the order of `paths`.
    virtual result<std::vector<file_version>> newest(session_id const& session,
                                                     std::span<std::string const> paths) = 0;

    /// What stands at each path of it now, in the order of paths; at most `limit`. Of another
    /// tenant: nothing.
    virtual result<std::vector<file_version>> of_session(std::string const& tenant,
                                                         session_id const& session,
                                                         std::size_t limit) = 0;

    /// Of that tenant only; `file_not_found` else.
    virtual result<void> remove(std::string const& tenant, file_version_id const& id) = 0;

    /// Each content counts once, whatever number of versions have it.
    virtual result<std::uint64_t> used_bytes(std::string const& tenant) = 0;

    /// The session was deleted by its client.
    virtual result<void> forget(session_id const& session) = 0;

    /// Removes what is too old, and contents that nobody has. The bytes that are free now.
    virtual result<std::uint64_t> prune(version_keep const& keep) = 0;
};

/// `directory` holds contents and table. Removes what a broker that was killed left without a row.
result<std::unique_ptr<version_store>> open_version_store(std::string const& directory);

}  // namespace broker
