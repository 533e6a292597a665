// SPDX-License-Identifier: Apache-2.0
// Walks a root in byte order of its paths and hashes one record for each entry.
// Never follows a symlink and never leaves the root. Blocks; any thread.
#include "broker/runtime/image_manifest.hpp"

#include "broker/base/sha256.hpp"
#include "broker/base/unique_fd.hpp"
#include "broker/runtime/host_files.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <climits>
#include <vector>

namespace broker {
namespace {

namespace fs = std::filesystem;

failure unreadable(fs::path const& path) {
    return fail(errc::internal, fmt::format("{}: {}", path.native(), describe_errno(errno)));
}

result<std::string> hash_file(fs::path const& path) {
    unique_fd const fd(::open(path.c_str(), O_RDONLY | O_NOFOLLOW | O_CLOEXEC));
    if (!fd) {
        return unreadable(path);
    }
    sha256 hash;
    std::vector<char> buffer(std::size_t{1} << 18U);
    for (;;) {
        ssize_t const n = ::read(fd.get(), buffer.data(), buffer.size());
        if (n < 0 && errno != EINTR) {
            return unreadable(path);
        }
        if (n == 0) {
            return to_hex(hash.finish());
        }
        if (n > 0) {
            hash.add({buffer.data(), static_cast<std::size_t>(n)});
        }
    }
}

result<std::string> read_link(fs::path const& path) {
    std::array<char, PATH_MAX> target{};
    ssize_t const n = ::readlink(path.c_str(), target.data(), target.size());
    if (n < 0) {
        return unreadable(path);
    }
    sha256 hash;
    hash.add({target.data(), static_cast<std::size_t>(n)});
    return to_hex(hash.finish());
}

/// One entry as `type mode uid gid size content-hash name`; what a directory holds follows it.
result<void> add_entry(sha256& all, fs::path const& path, std::string const& name);

result<void> add_children(sha256& all, fs::path const& directory, std::string const& name) {
    std::error_code error;
    std::vector<std::string> names;
    for (auto at = fs::directory_iterator(directory, error);
         !error && at != fs::directory_iterator(); at.increment(error)) {
        names.push_back(at->path().filename().native());
    }
    if (error) {
        return fail(errc::internal, directory.native() + ": " + error.message());
    }
    std::sort(names.begin(), names.end());
    for (auto const& child : names) {
        if (auto added = add_entry(all, directory / child, name + '/' + child); !added) {
            return added;
        }
    }
    return {};
}

result<void> add_entry(sha256& all, fs::path const& path, std::string const& name) {
    struct stat status {};
    if (::lstat(path.c_str(), &status) != 0) {
        return unreadable(path);
    }
    char type = 'd';
    result<std::string> content = std::string("-");
    if (S_ISREG(status.st_mode)) {
        type = 'f';
        content = hash_file(path);
    } else if (S_ISLNK(status.st_mode)) {
        type = 'l';
        content = read_link(path);
    } else if (!S_ISDIR(status.st_mode)) {
        return fail(
            errc::internal,
            path.native() + " is neither file, directory nor symlink; an image holds nothing else");
    }
    if (!content) {
        return content.error();
    }
    // A directory's size is the file system's affair; a name may hold anything but NUL.
    auto const size = type == 'd' ? 0 : status.st_size;
    std::string record = fmt::format("{} {:o} {} {} {} {} {}", type, status.st_mode & 07777U,
                                     status.st_uid, status.st_gid, size, *content, name);
    record += '\0';
    all.add(record);
    return type == 'd' ? add_children(all, path, name) : result<void>{};
}

}  // namespace

result<std::string> digest_of_root(fs::path const& root) {
    sha256 all;
    if (auto added = add_entry(all, root, ""); !added) {
        return added.error();
    }
    return to_hex(all.finish());
}

}  // namespace broker
