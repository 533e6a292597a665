// SPDX-License-Identifier: Apache-2.0
// Contents of files, by what is in them: each once, whatever number of versions it has.
// Never shows a content of which a byte is missing, or that a failing host could take back: it has
// a name only once its bytes are on the disk, and `keep` returns once the name is, too. Never
// changes one. Every call blocks and is made on a pool; see each for who may call it when.
//
// Own code: content-addressed stores come as parts of whole systems (git, OSTree, registries).
#pragma once

#include "broker/base/result.hpp"
#include "broker/base/sha256.hpp"
#include "broker/base/unique_fd.hpp"

#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

namespace broker {

struct content_key {
    sha256_digest sha256{};
    std::uint64_t size_bytes = 0;

    friend bool operator==(content_key const&, content_key const&) = default;
};

/// Bytes on their way into the store. Nobody sees them, and they are gone when this is. One owner.
class content_draft {
public:
    content_draft(content_draft&& from) noexcept;
    content_draft& operator=(content_draft&& from) noexcept;
    content_draft(content_draft const&) = delete;
    content_draft& operator=(content_draft const&) = delete;
    ~content_draft();

    /// `no_capacity` when the broker's disk is full.
    result<void> write(std::string_view bytes);

    /// The first `size` bytes of an open file; holes stay holes. False when it ends earlier: it is
    /// being changed.
    result<bool> write_file(int from, std::uint64_t size);

    enum class flush { now, later };

    /// Once, after the last byte: they are on the disk then, or after `content_store::flush`.
    result<content_key> finish(flush when = flush::now);

private:
    friend class content_store;

    content_draft(std::string path, unique_fd file)
        : path_(std::move(path)), file_(std::move(file)) {}

    result<void> write_hole(std::uint64_t bytes);
    void drop() noexcept;

    std::string path_;  // empty: kept, or moved from
    unique_fd file_;
    sha256 hash_;
    content_key key_;
};

class content_store {
public:
    /// Makes what is missing of `directory`, and removes the drafts of a broker that was killed.
    static result<content_store> open(std::string directory);

    /// Any thread.
    result<content_draft> begin() const;

    /// All that was finished is on the disk, with whatever else waits for it. Any thread.
    result<void> flush() const;

    /// `file_not_found` when it is not there. Any thread.
    result<unique_fd> read(sha256_digest const& sha256) const;

    // One at a time, with the rows of their versions: see `version_store`.

    /// Names finished drafts.
    result<void> keep(std::vector<content_draft> drafts);

    /// Those that no row speaks of any more. The bytes that are free now.
    result<std::uint64_t> remove(std::vector<sha256_digest> const& forgotten);

    /// Every content there is, in no order. For the boot.
    result<void> for_each(std::function<void(content_key const&)> const& see) const;

private:
    explicit content_store(std::string directory) : directory_(std::move(directory)) {}

    std::string folder_of(sha256_digest const& sha256) const;
    std::string path_of(sha256_digest const& sha256) const;
    result<void> name(content_draft& draft);

    std::string directory_;
};

}  // namespace broker
