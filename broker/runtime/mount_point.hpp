// SPDX-License-Identifier: Apache-2.0
// Mounting and unmounting on directories of ours. Never on a path that a session can change, and
// never touches a mount that is not at exactly that directory. Blocks; any thread.
#pragma once

#include <boost/system/error_code.hpp>
#include <boost/system/result.hpp>

#include <string>

namespace broker {

bool is_mount_point(std::string const& path);

/// Makes a directory a mount of its own that hands on, to every mount namespace made from ours with
/// slave propagation, what is mounted and unmounted below it. Without this a sandbox's namespace
/// would keep the file systems of ended sessions, and their loop devices, busy. Idempotent.
boost::system::result<void> make_shared_mount(std::string const& path);

/// nosuid, nodev, noatime. Symlinks stay usable: a bind mount inherits the flags of its source, and
/// the session's own code needs them; ours never follows one.
boost::system::result<void> mount_ext4(std::string const& device, std::string const& path);

/// nosuid, nodev, noexec; `options` are those of tmpfs(5). Root only until it is given away.
boost::system::result<void> mount_tmpfs(std::string const& path, std::string const& options);

/// Until nothing is mounted there. What still holds it open (a descriptor of ours, a sandbox that
/// is being torn down) keeps the file system, not the place.
boost::system::result<void> unmount_all(std::string const& path);

}  // namespace broker
