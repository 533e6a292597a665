// SPDX-License-Identifier: Apache-2.0
// openat2(2) and its relatives, always relative to a descriptor. Never waits for a FIFO, a lease or
// a terminal, and never acts on a name that it has not just opened or cannot harm. Any thread.
#include "broker/base/beneath.hpp"

#include "broker/base/ids.hpp"

#include <fcntl.h>
#include <linux/openat2.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <optional>
#include <string_view>
#include <utility>

namespace broker::beneath {
namespace {

using boost::system::error_code;

error_code error_of(int number) { return {number, boost::system::system_category()}; }
error_code last_error() { return error_of(errno); }

/// What a name that is not a file of the session gives, for whatever reason.
error_code no_such_file() { return error_of(ENOENT); }

bool is_part(std::string_view part) { return !part.empty() && part != "." && part != ".."; }

bool is_plain(std::string_view path) {
    for (std::size_t at = 0; at <= path.size();) {
        auto const end = std::min(path.find('/', at), path.size());
        if (!is_part(path.substr(at, end - at))) {
            return false;
        }
        at = end + 1;
    }
    return path.find('\0') == std::string_view::npos;
}

constexpr std::uint64_t below =
    RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS | RESOLVE_NO_XDEV;

outcome<unique_fd> open_below(int root, char const* path, std::uint64_t flags,
                              std::uint64_t mode = 0) {
    open_how how{};
    // openat2(2) refuses flags that mean nothing beside O_PATH.
    how.flags = flags | O_CLOEXEC | ((flags & O_PATH) != 0 ? 0 : O_NOCTTY);
    how.mode = mode;
    how.resolve = below;
    // EAGAIN: a rename elsewhere raced with the walk, or the session holds a lease on the file.
    // The bound keeps a session that does so on purpose from keeping a thread.
    for (int tries = 0; tries < 16; ++tries) {
        auto const fd = static_cast<int>(syscall(SYS_openat2, root, path, &how, sizeof how));
        if (fd >= 0) {
            return unique_fd{fd};
        }
        if (errno != EAGAIN && errno != EINTR) {
            return last_error();
        }
    }
    return error_of(EAGAIN);
}

/// Errors that mean "this name does not stand for a file of the session".
bool means_no_file(int number) {
    return number == ELOOP || number == EXDEV || number == ENOTDIR || number == EISDIR ||
           number == ENXIO || number == ENAMETOOLONG || number == ENODEV || number == EAGAIN ||
           number == EACCES;
}

bool is_file_of(struct stat const& status, uid_t owner) {
    return S_ISREG(status.st_mode) && status.st_uid == owner;
}

outcome<unique_fd> open_or_make(int parent, std::string const& part, uid_t owner) {
    auto opened = open_below(parent, part.c_str(), O_PATH | O_DIRECTORY);
    if (opened || opened.error().value() != ENOENT) {
        return opened;
    }
    if (mkdirat(parent, part.c_str(), 0755) != 0 && errno != EEXIST) {
        return last_error();
    }
    opened = open_below(parent, part.c_str(), O_PATH | O_DIRECTORY);
    struct stat status {};
    if (opened && fstat(opened->get(), &status) == 0 && status.st_uid != owner &&
        fchownat(opened->get(), "", owner, owner, AT_EMPTY_PATH) != 0) {
        return last_error();
    }
    return opened;
}

std::pair<std::string, std::string> split(std::string const& path) {
    auto const slash = path.rfind('/');
    if (slash == std::string::npos) {
        return {"", path};
    }
    return {path.substr(0, slash), path.substr(slash + 1)};
}

/// A name in the staging directory for as long as the object lives.
class temporary_name {
public:
    explicit temporary_name(int staging) : staging_(staging), name_(make_random_id()) {}
    temporary_name(temporary_name const&) = delete;
    temporary_name& operator=(temporary_name const&) = delete;
    ~temporary_name() { unlinkat(staging_, name_.c_str(), 0); }

    char const* name() const { return name_.c_str(); }

private:
    int staging_;
    std::string name_;
};

}  // namespace

outcome<unique_fd> open_directory(int root, std::string const& path) {
    if (!is_plain(path)) {
        return error_of(EINVAL);
    }
    return open_below(root, path.c_str(), O_RDONLY | O_DIRECTORY);
}

outcome<unique_fd> reopen_directory(int directory) {
    return open_below(directory, ".", O_RDONLY | O_DIRECTORY);
}

outcome<unique_fd> open_parent(int root, std::string const& path) {
    if (!is_plain(path)) {
        return error_of(EINVAL);
    }
    auto const folder = split(path).first;
    return open_below(root, folder.empty() ? "." : folder.c_str(), O_PATH | O_DIRECTORY);
}

outcome<unique_fd> make_parent(int root, std::string const& path, uid_t owner) {
    if (!is_plain(path)) {
        return error_of(EINVAL);
    }
    auto current = open_below(root, ".", O_PATH | O_DIRECTORY);
    for (std::size_t at = 0; current;) {
        auto const slash = path.find('/', at);
        if (slash == std::string::npos) {
            break;
        }
        current = open_or_make(current->get(), path.substr(at, slash - at), owner);
        at = slash + 1;
    }
    return current;
}

outcome<unique_fd> open_file(int root, std::string const& path, uid_t owner) {
    if (!is_plain(path)) {
        return error_of(EINVAL);
    }
    auto opened = open_below(root, path.c_str(), O_RDONLY | O_NONBLOCK);
    if (!opened) {
        return means_no_file(opened.error().value()) ? no_such_file() : opened.error();
    }
    struct stat status {};
    if (fstat(opened->get(), &status) != 0) {
        return last_error();
    }
    if (!is_file_of(status, owner)) {
        return no_such_file();
    }
    return opened;
}

outcome<struct stat> cached_status(int root, std::string const& path) {
    struct stat status {};
    unique_fd named;
    if (!path.empty()) {
        if (!is_plain(path)) {
            return error_of(EINVAL);
        }
        open_how how{};
        how.flags = O_PATH | O_NOFOLLOW | O_CLOEXEC;
        how.resolve = below | RESOLVE_CACHED;
        named.reset(static_cast<int>(syscall(SYS_openat2, root, path.c_str(), &how, sizeof how)));
        if (!named) {
            return last_error();
        }
    }
    if (fstat(path.empty() ? root : named.get(), &status) != 0) {
        return last_error();
    }
    return status;
}

outcome<void> remove_file(int root, std::string const& path, uid_t owner) {
    auto const parent = open_parent(root, path);
    if (!parent) {
        return means_no_file(parent.error().value()) ? no_such_file() : parent.error();
    }
    auto const name = split(path).second;
    struct stat status {};
    if (fstatat(parent->get(), name.c_str(), &status, AT_SYMLINK_NOFOLLOW) != 0 ||
        !is_file_of(status, owner)) {
        return no_such_file();
    }
    if (unlinkat(parent->get(), name.c_str(), 0) != 0) {
        return errno == EISDIR ? no_such_file() : last_error();
    }
    return {};
}

outcome<unique_fd> nameless_file(int directory, uid_t owner) {
    auto made = open_below(directory, ".", O_TMPFILE | O_RDWR, 0600);
    if (made && (fchown(made->get(), owner, owner) != 0 || fchmod(made->get(), 0644) != 0)) {
        return last_error();
    }
    return made;
}

outcome<void> give_name(int nameless, int parent, std::string const& name, int staging,
                        if_exists rule) {
    if (!is_part(name) || name.find('/') != std::string::npos) {
        return error_of(EINVAL);
    }
    // Only what makes a hard link to a descriptor needs a privilege: CAP_DAC_READ_SEARCH.
    if (rule == if_exists::refuse) {
        return linkat(nameless, "", parent, name.c_str(), AT_EMPTY_PATH) == 0
                   ? outcome<void>{}
                   : outcome<void>{last_error()};
    }
    temporary_name const temporary{staging};
    if (linkat(nameless, "", staging, temporary.name(), AT_EMPTY_PATH) != 0 ||
        renameat2(staging, temporary.name(), parent, name.c_str(), 0) != 0) {
        return last_error();
    }
    return {};
}

outcome<void> replace_exactly(int nameless, int parent, std::string const& name, int staging,
                              int replaced) {
    if (!is_part(name) || name.find('/') != std::string::npos) {
        return error_of(EINVAL);
    }
    temporary_name const temporary{staging};
    if (linkat(nameless, "", staging, temporary.name(), AT_EMPTY_PATH) != 0 ||
        renameat2(staging, temporary.name(), parent, name.c_str(), RENAME_EXCHANGE) != 0) {
        return last_error();
    }
    struct stat expected {};
    struct stat found {};
    if (fstat(replaced, &expected) == 0 &&
        fstatat(staging, temporary.name(), &found, AT_SYMLINK_NOFOLLOW) == 0 &&
        expected.st_ino == found.st_ino && expected.st_dev == found.st_dev) {
        return {};
    }
    // Something else stood there: put it back. If the session moved the name away meanwhile, what
    // it had put there goes back without disturbing what it has put there since.
    if (renameat2(staging, temporary.name(), parent, name.c_str(), RENAME_EXCHANGE) != 0 &&
        renameat2(staging, temporary.name(), parent, name.c_str(), RENAME_NOREPLACE) != 0) {
        return last_error();
    }
    return error_of(ESTALE);
}

}  // namespace broker::beneath
