// SPDX-License-Identifier: Apache-2.0
// One look at a whole workspace. Never reads a file that timestamps tell apart, and never more than
// its caps: what it could not settle, `diff` counts as changed. Any thread.
#include "broker/base/beneath_walk.hpp"
#include "broker/service/file_hashing.hpp"
#include "broker/service/workspace_files.hpp"

#include <algorithm>
#include <utility>

namespace broker {
namespace {

/// Files and directories of a workspace that is small: asking for each costs a microsecond or two,
/// having the pool look costs some tens, most of them for waking it.
constexpr std::size_t small = 24;

class look {
public:
    look(workspace const& in, workspace_snapshot const* previous, hash_cache& hashes,
         scan_caps const& caps)
        : in_(in), hashes_(hashes), caps_(caps), hash_budget_(caps.hash_bytes) {
        if (previous != nullptr) {
            old_ = previous->entries.data();
            old_end_ = old_ + previous->entries.size();
        }
    }

    result<workspace_snapshot> take() {
        beneath::walk_range const range{
            .prefix = {}, .after = {}, .names = caps_.names, .directories = small};
        auto const walked = beneath::walk_files(
            in_.data.get(), range, [this](beneath::walked_file const& file) { return add(file); });
        if (!walked) {
            return fail(errc::internal, "looking at a workspace: " + walked.error().message());
        }
        if (walked->complete_until) {
            seen_.complete_until = walked->complete_until;
        }
        seen_.too_deep = walked->too_deep;
        bool const few =
            !walked->more_directories && walked->directories.size() + seen_.entries.size() <= small;
        for (auto const& one : walked->directories) {
            if (few && !left_out_) {
                auto const identity = identity_of(one.status);
                seen_.directories.push_back({one.path, identity, is_settled(identity)});
            }
        }
        return std::move(seen_);
    }

private:
    bool add(beneath::walked_file const& file) {
        if (file.status.st_uid != in_.owner) {
            left_out_ = true;  // it may become the session's without its directory telling
            return true;
        }
        path_bytes_ += file.path.size();
        if (seen_.entries.size() >= caps_.entries || path_bytes_ > caps_.path_bytes) {
            seen_.complete_until = file.path;
            return false;
        }
        snapshot_entry entry{.path = file.path,
                             .identity = identity_of(file.status),
                             .settled = false,
                             .sha256 = std::nullopt};
        auto const* before = earlier(file.path);
        bool const doubtful =
            before != nullptr && !before->settled && before->identity == entry.identity;
        if (doubtful || !is_settled(entry.identity)) {
            auto const opened = beneath::open_file(in_.data.get(), file.path, in_.owner);
            if (!opened) {
                left_out_ = true;
                return true;  // it has just vanished
            }
            auto const hashed = hash_open_file(in_, opened->get(), hashes_, hash_budget_);
            entry.identity = hashed.identity;
            entry.sha256 = hashed.sha256;
        }
        entry.settled = is_settled(entry.identity);
        seen_.entries.push_back(std::move(entry));
        return true;
    }

    /// Both looks are sorted: the earlier entry is never behind.
    snapshot_entry const* earlier(std::string const& path) {
        while (old_ != old_end_ && old_->path < path) {
            ++old_;
        }
        return old_ != old_end_ && old_->path == path ? old_ : nullptr;
    }

    bool is_settled(file_identity const& id) const { return settled(id, looked_at_, tick_); }

    workspace const& in_;
    hash_cache& hashes_;
    scan_caps const& caps_;
    std::uint64_t hash_budget_;
    std::int64_t const looked_at_ = file_clock_ns();
    std::int64_t const tick_ = file_clock_tick_ns();
    snapshot_entry const* old_ = nullptr;
    snapshot_entry const* old_end_ = nullptr;
    std::size_t path_bytes_ = 0;
    bool left_out_ = false;
    workspace_snapshot seen_;
};

}  // namespace

result<workspace_snapshot> take_snapshot(workspace const& in, workspace_snapshot const* previous,
                                         hash_cache& hashes, scan_caps const& caps) {
    return look{in, previous, hashes, caps}.take();
}

bool is_still(workspace const& in, workspace_snapshot const& seen) {
    auto const unchanged = [&in](auto const& one) {
        auto const now = beneath::cached_status(in.data.get(), one.path);
        return one.settled && now && identity_of(*now) == one.identity;
    };
    return seen.complete() && !seen.directories.empty() &&
           std::ranges::all_of(seen.directories, unchanged) &&
           std::ranges::all_of(seen.entries, unchanged);
}

}  // namespace broker
