// SPDX-License-Identifier: Apache-2.0
// Paths here are the broker's own, below a directory that only root can enter; what lies inside a
// workspace is never resolved by path. Any thread.
#include "broker/runtime/workspace_parts.hpp"

#include "broker/base/beneath.hpp"
#include "broker/base/descriptors.hpp"

#include <dirent.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <sys/statvfs.h>

#include <cerrno>
#include <system_error>
#include <utility>

namespace broker {
namespace {

unique_fd open_place(int parent, char const* name) {
    return unique_fd{openat(parent, name, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC)};
}

result<unique_fd> open_data(int root, uid_t owner) {
    bool const made = mkdirat(root, "data", 0700) == 0;
    if (!made && errno != EEXIST) {
        return host_failure("making a workspace", errno);
    }
    auto data = open_place(root, "data");
    struct stat status {};
    if (!data || fstat(data.get(), &status) != 0) {
        return host_failure("opening a workspace", errno);
    }
    // Root-owned: made by a broker that was killed before the next line.
    if (status.st_uid != owner && status.st_uid == 0 &&
        fchownat(data.get(), "", owner, owner, AT_EMPTY_PATH) == 0) {
        return data;
    }
    if (status.st_uid != owner) {
        return fail(errc::internal, fmt::format("a workspace belongs to uid {} and not to {}",
                                                status.st_uid, owner));
    }
    return data;
}

result<unique_fd> open_staging(int root) {
    if (mkdirat(root, "staging", 0700) != 0 && errno != EEXIST) {
        return host_failure("making a workspace", errno);
    }
    auto staging = open_place(root, "staging");
    if (!staging) {
        return host_failure("opening a workspace", errno);
    }
    if (auto const emptied = beneath::remove_tree_contents(staging.get()); !emptied) {
        return host_failure("emptying a workspace's staging", emptied.error().value());
    }
    return staging;
}

}  // namespace

failure host_failure(std::string_view doing, int error_number) {
    if (error_number == ENOSPC || error_number == EDQUOT) {
        return fail(errc::no_capacity, "the disk of the host is full");
    }
    if (is_shortage(error_number)) {
        return fail(errc::no_capacity,
                    fmt::format("{}: the broker has no descriptors or memory left; try again when "
                                "other sessions have ended",
                                doing));
    }
    return fail(errc::internal,
                fmt::format("{}: {}", doing, std::generic_category().message(error_number)));
}

result<workspace> open_parts(std::string const& root, uid_t owner) {
    unique_fd const top{open(root.c_str(), O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC)};
    if (!top) {
        return host_failure("opening a workspace", errno);
    }
    auto data = open_data(top.get(), owner);
    if (!data) {
        return data.error();
    }
    auto staging = open_staging(top.get());
    if (!staging) {
        return staging.error();
    }
    workspace opened;
    opened.mount = root + "/data";
    opened.owner = owner;
    opened.data = std::move(*data);
    opened.staging = std::move(*staging);
    return opened;
}

std::vector<std::string> entries_of(std::string const& directory, std::string_view suffix) {
    std::vector<std::string> found;
    DIR* const stream = opendir(directory.c_str());
    // NOLINTNEXTLINE(concurrency-mt-unsafe): a stream of our own
    while (dirent const* entry = stream != nullptr ? readdir(stream) : nullptr) {
        std::string_view name{entry->d_name};
        if (name.ends_with(suffix)) {
            name.remove_suffix(suffix.size());
            found.emplace_back(name);
        }
    }
    if (stream != nullptr) {
        closedir(stream);
    }
    return found;
}

std::vector<session_id> sessions_in(std::string const& directory, std::string_view suffix) {
    std::vector<session_id> found;
    for (auto& name : entries_of(directory, suffix)) {
        if (is_random_id(name)) {
            found.emplace_back(std::move(name));
        }
    }
    return found;
}

result<void> make_private_directory(std::string const& path) {
    if (mkdir(path.c_str(), 0700) != 0 && errno != EEXIST) {
        return host_failure("making " + path, errno);
    }
    return {};
}

bool exists(std::string const& path) {
    struct stat status {};
    return lstat(path.c_str(), &status) == 0;
}

result<void> remove_directory(std::string const& path) {
    unique_fd const top{open(path.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC)};
    if (!top) {
        return errno == ENOENT ? result<void>{} : host_failure("removing a workspace", errno);
    }
    auto const emptied = beneath::remove_tree_contents(top.get());
    if (!emptied) {
        return host_failure("removing a workspace", emptied.error().value());
    }
    if (rmdir(path.c_str()) != 0 && errno != ENOENT) {
        return host_failure("removing a workspace", errno);
    }
    return {};
}

result<void> check_host_space(std::string const& path, std::uint64_t reserve) {
    struct statvfs space {};
    if (statvfs(path.c_str(), &space) != 0) {
        return host_failure("measuring the disk", errno);
    }
    if (std::uint64_t{space.f_bavail} * space.f_frsize < reserve) {
        return fail(errc::no_capacity,
                    "the disk of the host is nearly full: no new workspace until space is freed");
    }
    return {};
}

}  // namespace broker
