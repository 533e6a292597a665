// SPDX-License-Identifier: Apache-2.0
// A file that holds an ext4 file system: making, copying, checking it. Never mounts anything, and
// never reads more of it than its superblock. Blocks (mkfs.ext4 and e2fsck are programs); any
// thread.
#pragma once

#include "broker/base/result.hpp"

#include <cstdint>
#include <string>

namespace broker {

/// What a size is rounded up to: whole MiB, at least 4.
std::uint64_t ext4_image_bytes(std::uint64_t wanted);

/// An empty file system without journal in a new sparse file of `bytes`. Without journal: nothing
/// of a session is promised across a crash of the host, and everything is faster.
result<void> make_ext4_image(std::string const& path, std::uint64_t bytes);

/// Copies only the parts of a sparse file that hold data. On failure no copy is left;
/// `no_capacity` when the disk is full.
result<void> copy_sparse(std::string const& from, std::string const& to);

/// True when it was unmounted in order and has met no error since.
bool is_clean_ext4(std::string const& path);

/// After a crash of the host: repairs what can be repaired without asking.
result<void> repair_ext4(std::string const& path);

}  // namespace broker
