// SPDX-License-Identifier: Apache-2.0
// mount(2), umount2(2), statx(2). Never runs mount(8): no fstab, no helpers, no loop set-up behind
// our back. Any thread.
#include "broker/runtime/mount_point.hpp"

#include <fcntl.h>
#include <sys/mount.h>
#include <sys/stat.h>

#include <cerrno>

namespace broker {
namespace {

constexpr int stacked_mounts = 16;  // far more than ever happen

boost::system::error_code last_error() { return {errno, boost::system::system_category()}; }

/// noinit_itable: no thread that writes the whole inode table of a sparse file.
/// nobarrier: a session's fsync ends in the host's page cache. Nothing is promised across a crash
/// of the host, and a session that calls fsync in a loop cannot stall the disk for everyone.
/// discard: what a session frees is free on the host's disk again.
constexpr char const* ext4_options = "noinit_itable,nobarrier,discard,errors=remount-ro";

}  // namespace

bool is_mount_point(std::string const& path) {
    struct statx status {};
    return statx(AT_FDCWD, path.c_str(), AT_SYMLINK_NOFOLLOW | AT_NO_AUTOMOUNT, STATX_TYPE,
                 &status) == 0 &&
           (status.stx_attributes & STATX_ATTR_MOUNT_ROOT) != 0;
}

boost::system::result<void> make_shared_mount(std::string const& path) {
    auto const* place = path.c_str();
    if (!is_mount_point(path)) {
        // Private first: a bind of a shared mount would stay a peer of it, and each workspace would
        // be mounted twice.
        if (mount(place, place, nullptr, MS_BIND, nullptr) != 0 ||
            mount(nullptr, place, nullptr, MS_PRIVATE, nullptr) != 0) {
            return last_error();
        }
    }
    if (mount(nullptr, place, nullptr, MS_SHARED, nullptr) != 0) {
        return last_error();
    }
    return {};
}

boost::system::result<void> mount_ext4(std::string const& device, std::string const& path) {
    if (mount(device.c_str(), path.c_str(), "ext4", MS_NOSUID | MS_NODEV | MS_NOATIME,
              ext4_options) != 0) {
        return last_error();
    }
    return {};
}

boost::system::result<void> mount_tmpfs(std::string const& path, std::string const& options) {
    if (mount("tmpfs", path.c_str(), "tmpfs", MS_NOSUID | MS_NODEV | MS_NOEXEC,
              ("mode=0700," + options).c_str()) != 0) {
        return last_error();
    }
    return {};
}

boost::system::result<void> unmount_all(std::string const& path) {
    for (int i = 0; i < stacked_mounts && is_mount_point(path); ++i) {
        if (umount2(path.c_str(), UMOUNT_NOFOLLOW) == 0) {
            continue;
        }
        if (errno != EBUSY || umount2(path.c_str(), UMOUNT_NOFOLLOW | MNT_DETACH) != 0) {
            return last_error();
        }
    }
    return {};
}

}  // namespace broker
