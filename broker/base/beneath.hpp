// SPDX-License-Identifier: Apache-2.0
// THE place where a file of a session is opened, created, replaced or removed: below a directory
// descriptor, with openat2(2), whatever the session's own code does to the names meanwhile.
// Never follows a symlink or crosses a mount, never resolves a path from the root of the host, and
// never trusts a name twice: what was opened is what is checked. Functions; any thread.
//
// Paths here are relative, without empty, `.` or `..` parts (core/workspace_path checks that for
// names from outside); anything else fails. Errors are errno values in the system category.
#pragma once

#include "broker/base/unique_fd.hpp"

#include <boost/system/error_code.hpp>
#include <boost/system/result.hpp>
#include <sys/stat.h>
#include <sys/types.h>

#include <string>

namespace broker::beneath {

template <class T>
using outcome = boost::system::result<T>;

/// A directory for listing and for calls relative to it. The owner is not checked.
outcome<unique_fd> open_directory(int root, std::string const& path);

/// The directory that `directory` stands for, for listing: it may be O_PATH.
outcome<unique_fd> reopen_directory(int directory);

/// The directory that holds the last part of `path` (a new descriptor of `root` itself when there
/// is one part only).
outcome<unique_fd> open_parent(int root, std::string const& path);

/// Likewise; directories that are missing are made with mode 0755 and owned by `owner`. What was
/// made stays when a later part fails.
outcome<unique_fd> make_parent(int root, std::string const& path, uid_t owner);

/// A regular file of `owner`, for reading. ENOENT stands for everything that is not one (a symlink,
/// a directory, a FIFO, a device, a socket, another owner's file): it never blocks on opening.
///
/// Only the session's own uid counts as owner, not root: uploads are given to the session's uid
/// before they have a name, so a root-owned file in a workspace is never one of ours to give out.
outcome<unique_fd> open_file(int root, std::string const& path, uid_t owner);

/// What bears this name, itself if it is a symlink; an empty path is `root`. Never waits for a disk
/// or a lock, so the loop may ask: EAGAIN where the kernel's caches do not tell.
outcome<struct stat> cached_status(int root, std::string const& path);

/// Removes a regular file of `owner`; ENOENT for anything else. Removes whatever bears the name at
/// the last moment if the name is changed meanwhile, which only the session's own code can do.
outcome<void> remove_file(int root, std::string const& path, uid_t owner);

/// A file that has no name yet: made in `directory` (open for reading or O_PATH), owned by `owner`,
/// mode 0644. Gone when the descriptor is closed, whatever happens to us.
outcome<unique_fd> nameless_file(int directory, uid_t owner);

enum class if_exists { refuse, replace };

/// Gives a nameless file its name, at once and whole. `refuse`: EEXIST if anything bears the name.
/// `replace`: takes the place of a file, symlink, FIFO or socket without touching what a symlink
/// points to; EISDIR if it is a directory. `staging` is a directory on the same mount that sessions
/// cannot reach; a temporary name in it is needed only for replacing.
outcome<void> give_name(int nameless, int parent, std::string const& name, int staging,
                        if_exists rule);

/// Gives a nameless file its name in place of exactly the file that `replaced` has open; ESTALE,
/// and everything as before, if another one bears the name. For a moment the new file may be seen
/// even then. ENOENT if nothing bears it.
outcome<void> replace_exactly(int nameless, int parent, std::string const& name, int staging,
                              int replaced);

/// Empties the directory `root` of any tree whatsoever: any depth, any names, any modes. Iterative,
/// at most four descriptors at once. Nothing else may write to the tree meanwhile.
outcome<void> remove_tree_contents(int root);

}  // namespace broker::beneath
