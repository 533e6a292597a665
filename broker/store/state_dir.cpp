// SPDX-License-Identifier: Apache-2.0
// Layout, ownership, instance id and lock of the state directory. Never takes over what another
// user could have prepared. One owner; blocks for a moment at start.
#include "broker/store/state_dir.hpp"

#include "broker/base/ids.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <filesystem>
#include <system_error>
#include <utility>

namespace broker {
namespace {

failure os_failure(std::string_view path, std::string_view doing) {
    return fail(errc::internal,
                fmt::format("{}: {}: {}", path, doing, std::system_category().message(errno)));
}

/// The directory exists, is of this user, and nobody else can write to it or read it.
result<void> make_private(std::string const& path) {
    if (::mkdir(path.c_str(), 0700) != 0 && errno != EEXIST) {
        return os_failure(path, "cannot be made");
    }
    unique_fd const dir(::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    struct stat info {};
    if (!dir || ::fstat(dir.get(), &info) != 0) {
        return os_failure(path, "cannot be opened as a directory");
    }
    if (info.st_uid != ::geteuid()) {
        return fail(errc::internal,
                    fmt::format("{} belongs to user {}, not to the user that the broker runs as "
                                "({}); choose another state directory or change its owner",
                                path, info.st_uid, ::geteuid()));
    }
    if ((info.st_mode & 0022) != 0) {
        return fail(errc::internal,
                    fmt::format("{} can be written to by other users, who may have prepared it; "
                                "look into it, then: chmod 700 {}",
                                path, path));
    }
    if ((info.st_mode & 0077) != 0 && ::fchmod(dir.get(), 0700) != 0) {
        return os_failure(path, "cannot be made private");
    }
    return {};
}

result<std::string> read_small(int fd, std::string_view path) {
    std::array<char, 256> text{};
    ssize_t const n = ::pread(fd, text.data(), text.size(), 0);
    if (n < 0) {
        return os_failure(path, "cannot be read");
    }
    std::string out(text.data(), static_cast<std::size_t>(n));
    while (!out.empty() && out.back() == '\n') {
        out.pop_back();
    }
    return out;
}

result<void> write_small(int fd, std::string_view path, std::string_view text) {
    if (::ftruncate(fd, 0) != 0 ||
        ::pwrite(fd, text.data(), text.size(), 0) != static_cast<ssize_t>(text.size())) {
        return os_failure(path, "cannot be written");
    }
    return {};
}

result<unique_fd> open_file(std::string const& path) {
    unique_fd file(::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600));
    if (!file) {
        return os_failure(path, "cannot be opened");
    }
    return file;
}

result<unique_fd> take_lock(std::string const& dir, wall_time now) {
    std::string const path = dir + "/lock";
    auto file = open_file(path);
    if (!file) {
        return file.error();
    }
    if (::flock(file->get(), LOCK_EX | LOCK_NB) != 0) {
        if (errno != EWOULDBLOCK) {
            return os_failure(path, "cannot be locked");
        }
        auto const holder = read_small(file->get(), path);
        return fail(errc::no_capacity,
                    fmt::format("{} is in use by another broker ({}); stop that one, or choose "
                                "another state directory",
                                dir, holder && !holder->empty() ? *holder : "just starting"));
    }
    auto const holder = fmt::format("process {} since {}\n", ::getpid(), to_rfc3339(now));
    if (auto written = write_small(file->get(), path, holder); !written) {
        return written.error();
    }
    return std::move(*file);
}

/// Made once, under the lock; a broker that was killed while writing it has used it for nothing.
result<std::string> instance_of(std::string const& dir) {
    std::string const path = dir + "/instance";
    auto file = open_file(path);
    if (!file) {
        return file.error();
    }
    auto text = read_small(file->get(), path);
    if (!text) {
        return text.error();
    }
    if (is_random_id(*text)) {
        return text;
    }
    if (text->size() >= make_random_id().size()) {
        return fail(errc::internal,
                    fmt::format("{} does not hold the id of an installation; sandboxes may run "
                                "under the right one: put it back, or end them and remove the file",
                                path));
    }
    std::string const made = make_random_id();
    if (auto written = write_small(file->get(), path, made + "\n"); !written) {
        return written.error();
    }
    if (::fsync(file->get()) != 0) {
        return os_failure(path, "cannot be written");
    }
    return made;
}

}  // namespace

state_dir::state_dir(std::string path, std::string instance, unique_fd lock)
    : path_(std::move(path)), instance_(std::move(instance)), lock_(std::move(lock)) {}

result<state_dir> state_dir::open(std::string path, wall_time now) {
    while (path.size() > 1 && path.back() == '/') {
        path.pop_back();
    }
    if (path.empty() || path.front() != '/') {
        return fail(errc::internal, "the state directory must be an absolute path");
    }
    std::error_code error;
    std::filesystem::create_directories(std::filesystem::path(path).parent_path(), error);
    if (auto made = make_private(path); !made) {
        return made.error();
    }
    auto lock = take_lock(path, now);
    if (!lock) {
        return lock.error();
    }
    for (auto const* part : {"/images", "/images/names", "/sandboxes", "/workspaces", "/results"}) {
        if (auto made = make_private(path + part); !made) {
            return made.error();
        }
    }
    auto instance = instance_of(path);
    if (!instance) {
        return instance.error();
    }
    return state_dir(std::move(path), std::move(*instance), std::move(*lock));
}

}  // namespace broker
