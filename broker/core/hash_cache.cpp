// SPDX-License-Identifier: Apache-2.0
// One entry per inode: a changed file replaces its own digest. Never grows past `max_entries`.
// Pure; one job at a time.
#include "broker/core/hash_cache.hpp"

namespace broker {

std::optional<sha256_digest> hash_cache::find(file_identity const& id) const {
    auto const found = by_inode_.find(id.inode);
    if (found == by_inode_.end() || found->second.identity != id) {
        return std::nullopt;
    }
    return found->second.digest;
}

void hash_cache::put(file_identity const& id, sha256_digest const& digest) {
    if (by_inode_.size() >= max_entries && !by_inode_.contains(id.inode)) {
        by_inode_.clear();
    }
    by_inode_.insert_or_assign(id.inode, entry{id, digest});
}

}  // namespace broker
