// SPDX-License-Identifier: Apache-2.0
#include "broker/runtime/host_files.hpp"

#include "broker/base/unique_fd.hpp"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <memory>
#include <system_error>

namespace broker {
namespace {

struct close_dir {
    void operator()(DIR* d) const noexcept { ::closedir(d); }
};
using dir_stream = std::unique_ptr<DIR, close_dir>;

constexpr int dir_flags = O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC;

dir_stream open_stream(int at, char const* name) {
    unique_fd fd{::openat(at, name, dir_flags)};
    dir_stream stream{fd ? ::fdopendir(fd.get()) : nullptr};
    if (stream) {
        (void)fd.release();
    }
    return stream;
}

bool is_dots(std::string_view name) { return name == "." || name == ".."; }

/// Deletes the files in `top/name` and moves its directories to `top` under names of our own.
/// True when something changed.
bool flatten(int top, std::string const& name, unsigned long& counter) {
    auto const dir = open_stream(top, name.c_str());
    if (!dir) {
        return false;
    }
    bool changed = false;
    int const at = ::dirfd(dir.get());
    // NOLINTNEXTLINE(concurrency-mt-unsafe): the stream is this call's own
    while (dirent const* entry = ::readdir(dir.get())) {
        if (is_dots(entry->d_name)) {
            continue;
        }
        if (::unlinkat(at, entry->d_name, 0) == 0) {
            changed = true;
        } else if (errno == EISDIR) {
            auto const moved = ".removed-" + std::to_string(++counter);
            changed |= ::unlinkat(at, entry->d_name, AT_REMOVEDIR) == 0 ||
                       ::renameat(at, entry->d_name, top, moved.c_str()) == 0;
        }
    }
    return changed;
}

/// Empties the directory `top` itself. Every pass lowers the number of entries, so it ends.
bool empty_directory(int top) {
    unsigned long counter = 0;
    for (bool changed = true; changed;) {
        changed = false;
        bool left = false;
        auto const dir = open_stream(top, ".");
        // NOLINTNEXTLINE(concurrency-mt-unsafe): the stream is this call's own
        while (dirent const* entry = dir ? ::readdir(dir.get()) : nullptr) {
            std::string const name = entry->d_name;
            if (is_dots(name)) {
                continue;
            }
            if (::unlinkat(top, name.c_str(), 0) == 0) {
                changed = true;
                continue;
            }
            changed |= flatten(top, name, counter);
            bool const gone = ::unlinkat(top, name.c_str(), AT_REMOVEDIR) == 0;
            changed |= gone;
            left |= !gone;
        }
        if (!left && !changed) {
            return true;
        }
    }
    return false;
}

int write_all(int fd, std::string_view text) {
    while (!text.empty()) {
        ssize_t const n = ::write(fd, text.data(), text.size());
        if (n < 0 && errno == EINTR) {
            continue;
        }
        if (n <= 0) {
            return n < 0 ? errno : EIO;
        }
        text.remove_prefix(static_cast<std::size_t>(n));
    }
    return 0;
}

}  // namespace

std::optional<std::string> read_host_file(std::string const& path, std::size_t at_most) {
    unique_fd const fd{::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK)};
    if (!fd) {
        return std::nullopt;
    }
    std::string text;
    char buffer[4096];
    while (text.size() < at_most) {
        ssize_t const n = ::read(fd.get(), buffer, sizeof buffer);
        if (n < 0 && errno == EINTR) {
            continue;
        }
        if (n < 0) {
            return std::nullopt;
        }
        if (n == 0) {
            break;
        }
        text.append(buffer, static_cast<std::size_t>(n));
    }
    if (text.size() > at_most) {
        text.resize(at_most);
    }
    return text;
}

int write_host_file(std::string const& path, std::string_view text) {
    unique_fd const fd{::open(path.c_str(), O_WRONLY | O_CLOEXEC | O_NOFOLLOW)};
    return fd ? write_all(fd.get(), text) : errno;
}

int create_host_file(std::string const& path, std::string_view text, mode_t mode, uid_t uid,
                     gid_t gid) {
    unique_fd const fd{
        ::open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600)};
    if (!fd) {
        return errno;
    }
    if (int const error = write_all(fd.get(), text); error != 0) {
        return error;
    }
    return ::fchown(fd.get(), uid, gid) == 0 && ::fchmod(fd.get(), mode) == 0 ? 0 : errno;
}

int make_directory(std::string const& path, mode_t mode) {
    return ::mkdir(path.c_str(), mode) == 0 || errno == EEXIST ? 0 : errno;
}

std::vector<std::string> names_in(std::string const& path) {
    std::vector<std::string> names;
    auto const dir = open_stream(AT_FDCWD, path.c_str());
    // NOLINTNEXTLINE(concurrency-mt-unsafe): the stream is this call's own
    while (dirent const* entry = dir ? ::readdir(dir.get()) : nullptr) {
        if (!is_dots(entry->d_name)) {
            names.emplace_back(entry->d_name);
        }
    }
    return names;
}

bool path_exists(std::string const& path) {
    struct stat st {};
    return ::lstat(path.c_str(), &st) == 0;
}

bool remove_tree(std::string const& parent, std::string const& name) {
    unique_fd const above{::open(parent.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC)};
    if (!above) {
        return errno == ENOENT;
    }
    if (::unlinkat(above.get(), name.c_str(), 0) == 0 || errno == ENOENT) {
        return true;
    }
    unique_fd const top{::openat(above.get(), name.c_str(), dir_flags)};
    return top && empty_directory(top.get()) &&
           ::unlinkat(above.get(), name.c_str(), AT_REMOVEDIR) == 0;
}

std::string describe_errno(int error) { return std::generic_category().message(error); }

}  // namespace broker
