// SPDX-License-Identifier: Apache-2.0
// A merge of two sorted lists. Never calls a file unchanged without proof. Pure; any thread.
#include "broker/core/workspace_diff.hpp"

#include <algorithm>
#include <utility>

namespace broker {
namespace {

bool covers(workspace_snapshot const& look, std::string const& path) {
    return !look.complete_until || path < *look.complete_until;
}

/// The same identity proves nothing when the earlier look was within two ticks of the file's last
/// change; then both looks have taken a hash, unless their budget was spent.
bool unchanged(snapshot_entry const& before, snapshot_entry const& after) {
    if (before.identity != after.identity) {
        return false;
    }
    return before.settled || (before.sha256 && after.sha256 && *before.sha256 == *after.sha256);
}

}  // namespace

void absorb(client_change const& change, workspace_snapshot& into) {
    auto& entries = into.entries;
    auto const at = std::lower_bound(
        entries.begin(), entries.end(), change.path,
        [](snapshot_entry const& one, std::string const& path) { return one.path < path; });
    bool const there = at != entries.end() && at->path == change.path;
    if (!change.identity) {
        if (there) {
            entries.erase(at);
        }
        return;
    }
    snapshot_entry entry{.path = change.path,
                         .identity = *change.identity,
                         .settled = false,
                         .sha256 = change.sha256};
    if (!there) {
        entries.insert(at, std::move(entry));
    } else if (at->identity != entry.identity) {
        *at = std::move(entry);
    }
}

std::vector<file_change> diff(workspace_snapshot const& before, workspace_snapshot const& after) {
    std::vector<file_change> changes;
    auto old = before.entries.begin();
    auto now = after.entries.begin();
    auto const report = [&](snapshot_entry const& entry, file_change::kind what) {
        if (covers(before, entry.path) && covers(after, entry.path)) {
            bool const gone = what == file_change::kind::deleted;
            changes.push_back({entry.path, what, gone ? 0 : entry.identity.size});
        }
    };
    while (old != before.entries.end() || now != after.entries.end()) {
        if (now == after.entries.end() || (old != before.entries.end() && old->path < now->path)) {
            report(*old++, file_change::kind::deleted);
        } else if (old == before.entries.end() || now->path < old->path) {
            report(*now++, file_change::kind::created);
        } else {
            if (!unchanged(*old, *now)) {
                report(*now, file_change::kind::modified);
            }
            ++old;
            ++now;
        }
    }
    return changes;
}

}  // namespace broker
