// SPDX-License-Identifier: Apache-2.0
// What an execution did to the files of its session, and the versions of them that are kept. Never
// a look that the one before makes needless. On the loop; scans and copies run on the pool.
#include "broker/service/execution_run.hpp"
#include "broker/service/workspace_files.hpp"

#include <utility>

namespace broker {

task<> execution_run::look_at_files() {
    auto hashes = std::make_shared<hash_cache>(std::exchange(where_->hashes, {}));
    auto const before = std::make_shared<std::optional<workspace_snapshot>>(
        std::exchange(where_->snapshot, std::nullopt));
    where_->looking = true;
    where_->changed_meanwhile.clear();
    auto now = co_await offload(context_.pool, [files = where_->files, hashes, before] {
        return take_snapshot(*files, *before ? &**before : nullptr, *hashes);
    });
    where_->hashes = std::move(*hashes);
    where_->looking = false;
    if (now) {
        where_->snapshot = std::move(*now);
        for (auto const& change : where_->changed_meanwhile) {
            absorb(change, *where_->snapshot);
        }
    }
}

task<> execution_run::compare_files() {
    if (where_->snapshot && is_still(*where_->files, *where_->snapshot)) {
        co_return;
    }
    auto before = where_->snapshot;
    co_await look_at_files();
    // What was deleted meanwhile is not to be had at any address.
    if (before && where_->snapshot && !where_->closing) {
        for (auto const& change : where_->changed_meanwhile) {
            absorb(change, *before);
        }
        auto const& after = *where_->snapshot;
        what_->view.files = diff(*before, after);
        files_too_deep_ = after.too_deep && !before->too_deep;
        files_too_many_ = after.complete_until.has_value() && !before->complete_until;
        co_await keep_versions();
    }
}

task<> execution_run::keep_versions() {
    auto& files = what_->view.files;
    if (files.empty()) {
        co_return;
    }
    auto const kept = co_await context_.versions.keep(
        where_->files, {where_->row.key.tenant, where_->row.id, what_->view.id}, files);
    if (!kept) {
        context_.log.error("versions_not_kept",
                           {{"execution", what_->view.id.str()}, {"err", kept.error().detail}});
    }
}

}  // namespace broker
