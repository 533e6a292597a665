// SPDX-License-Identifier: Apache-2.0
// Two looks at a workspace, and which files were created, modified and deleted between them.
// Never misses a change that it could not rule out: where neither timestamps nor hashes prove a
// file unchanged, it counts as modified. Pure; any thread.
#pragma once

#include "broker/base/sha256.hpp"
#include "broker/core/file_change.hpp"
#include "broker/core/file_identity.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace broker {

struct snapshot_entry {
    std::string path;
    file_identity identity;
    bool settled = false;                 // as of this look
    std::optional<sha256_digest> sha256;  // taken where timestamps alone do not tell
};

struct snapshot_directory {
    std::string path;  // empty: the workspace itself
    file_identity identity;
    bool settled = false;
};

/// Regular files only, in the byte order of their paths.
struct workspace_snapshot {
    std::vector<snapshot_entry> entries;
    /// Set when a cap ended the scan: paths from here on were not looked at.
    std::optional<std::string> complete_until;
    /// A directory deeper than an API path can name was left out.
    bool too_deep = false;
    /// Of a small workspace all of them, else none.
    std::vector<snapshot_directory> directories;

    bool complete() const noexcept { return !complete_until && !too_deep; }
};

/// What a client has put at a path, or taken away from it.
struct client_change {
    std::string path;
    std::optional<file_identity> identity;  // absent: no file is there any more
    std::optional<sha256_digest> sha256;
};

/// As if it had been so at that look already: no execution did it.
void absorb(client_change const& change, workspace_snapshot& into);

/// In the byte order of paths; only of paths that both looks cover.
std::vector<file_change> diff(workspace_snapshot const& before, workspace_snapshot const& after);

}  // namespace broker
