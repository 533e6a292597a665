// SPDX-License-Identifier: Apache-2.0
// Runs mkfs.ext4 and e2fsck with fixed arguments and nothing of ours, and reads two fields of a
// superblock. Never passes anything of a request to a program: sizes are numbers, paths are ours.
// Any thread.
#include "broker/runtime/ext4_image.hpp"

#include "broker/base/unique_fd.hpp"
#include "broker/runtime/monitor_process.hpp"
#include "broker/runtime/workspace_parts.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <vector>

namespace broker {
namespace {

/// Far more than either needs; a disk that hangs must not keep a thread of the pool for good.
constexpr std::chrono::minutes program_deadline{10};

/// Its exit status; -1: not started, killed, or not done in time.
int run(std::vector<std::string> const& argv) {
    auto const end = run_program(argv, program_deadline);
    return end && WIFEXITED(end->wait_status) ? WEXITSTATUS(end->wait_status) : -1;
}

std::string tool(char const* name) {
    for (auto const* folder : {"/usr/sbin/", "/sbin/"}) {
        auto path = std::string(folder) + name;
        if (access(path.c_str(), X_OK) == 0) {
            return path;
        }
    }
    return {};
}

failure missing_tools() {
    return fail(errc::runtime_unavailable,
                "mkfs.ext4 and e2fsck are needed for workspaces with a size limit: install the "
                "package e2fsprogs, or set workspace_quota = \"none\" (no limit on disk space)");
}

failure disk_failure(int number) { return host_failure("preparing a workspace image", number); }

/// Copies the bytes [at, end). 0 or errno.
int copy_range(int from, int to, off_t at, off_t end) {
    std::vector<char> buffer(std::size_t{64} * 1024);
    while (at < end) {
        auto const wanted = std::min<off_t>(static_cast<off_t>(buffer.size()), end - at);
        ssize_t const got = pread(from, buffer.data(), static_cast<std::size_t>(wanted), at);
        if (got <= 0) {
            return got < 0 ? errno : EIO;
        }
        if (pwrite(to, buffer.data(), static_cast<std::size_t>(got), at) != got) {
            return errno != 0 ? errno : EIO;
        }
        at += got;
    }
    return 0;
}

int copy_data(int from, int to) {
    struct stat status {};
    if (fstat(from, &status) != 0 || ftruncate(to, status.st_size) != 0) {
        return errno;
    }
    off_t at = 0;
    while ((at = lseek(from, at, SEEK_DATA)) >= 0) {
        off_t const end = lseek(from, at, SEEK_HOLE);
        if (end < 0) {
            return errno;
        }
        if (int const error = copy_range(from, to, at, end)) {
            return error;
        }
        at = end;
    }
    return errno == ENXIO ? 0 : errno;
}

}  // namespace

std::uint64_t ext4_image_bytes(std::uint64_t wanted) {
    constexpr std::uint64_t mib = 1U << 20;
    constexpr std::uint64_t most = std::uint64_t{1} << 44;  // of ext4 with blocks of 4 KiB
    return std::max<std::uint64_t>(4, (std::min(wanted, most) + mib - 1) / mib) * mib;
}

result<void> make_ext4_image(std::string const& path, std::uint64_t bytes) {
    auto const mkfs = tool("mkfs.ext4");
    if (mkfs.empty()) {
        return missing_tools();
    }
    unique_fd const file{open(path.c_str(), O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600)};
    if (!file || ftruncate(file.get(), static_cast<off_t>(ext4_image_bytes(bytes))) != 0) {
        return disk_failure(errno);
    }
    // One inode for 16 KiB bounds the number of files; nothing is reserved for root, so that an
    // upload meets the same limit as the session's own code.
    int const status =
        run({mkfs, "-q", "-F", "-O", "^has_journal,^resize_inode", "-b", "4096", "-I", "256", "-i",
             "16384", "-m", "0", "-E", "lazy_itable_init=1,nodiscard,root_owner=0:0", path});
    if (status != 0) {
        unlink(path.c_str());
        return fail(errc::internal, fmt::format("mkfs.ext4 ended with status {}", status));
    }
    return {};
}

result<void> copy_sparse(std::string const& from, std::string const& to) {
    unique_fd const source{open(from.c_str(), O_RDONLY | O_CLOEXEC)};
    if (!source) {
        return disk_failure(errno);
    }
    unique_fd const copy{open(to.c_str(), O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600)};
    if (!copy) {
        return disk_failure(errno);
    }
    if (int const error = copy_data(source.get(), copy.get())) {
        unlink(to.c_str());
        return disk_failure(error);
    }
    return {};
}

bool is_clean_ext4(std::string const& path) {
    // Bytes 56..59 of the superblock, which starts at 1024: magic, then state; little-endian.
    constexpr off_t magic_at = 1024 + 56;
    std::array<unsigned char, 4> bytes{};
    unique_fd const file{open(path.c_str(), O_RDONLY | O_CLOEXEC)};
    return file && pread(file.get(), bytes.data(), bytes.size(), magic_at) == 4 &&
           bytes[0] == 0x53 && bytes[1] == 0xEF && bytes[2] == 1;  // valid, no error, no orphans
}

result<void> repair_ext4(std::string const& path) {
    auto const check = tool("e2fsck");
    if (check.empty()) {
        return missing_tools();
    }
    int const status = run({check, "-f", "-y", path});
    if (status < 0 || status > 2) {  // 1 and 2: repaired
        return fail(errc::internal, fmt::format("e2fsck ended with status {}", status));
    }
    return {};
}

}  // namespace broker
