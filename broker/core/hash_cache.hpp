// SPDX-License-Identifier: Apache-2.0
// Digests of a workspace's files by inode, size, mtime and ctime, so that nothing is hashed twice.
// Never keeps a digest of a look that was not settled, and never more than a fixed number.
// A value lent to one job at a time; a job that gets none uses an empty one.
#pragma once

#include "broker/base/sha256.hpp"
#include "broker/core/file_identity.hpp"

#include <cstddef>
#include <cstdint>
#include <optional>
#include <unordered_map>

namespace broker {

class hash_cache {
public:
    static constexpr std::size_t max_entries = 8192;

    std::optional<sha256_digest> find(file_identity const& id) const;

    /// To be called only for a settled look. A full cache is emptied first: simple, and a workspace
    /// with more files than that is hashed anew at the rate it is listed.
    void put(file_identity const& id, sha256_digest const& digest);

    std::size_t size() const noexcept { return by_inode_.size(); }

private:
    struct entry {
        file_identity identity;
        sha256_digest digest;
    };
    std::unordered_map<std::uint64_t, entry> by_inode_;
};

}  // namespace broker
