// SPDX-License-Identifier: Apache-2.0
// Removes a tree that was built to resist: a directory found inside another is first moved to the
// top, so that no depth, no length of a path and no number of descriptors is ever reached.
// Never follows a symlink and never leaves the directory it was given. Any thread.
#include "broker/base/beneath.hpp"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>

#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <memory>
#include <string_view>

namespace broker::beneath {
namespace {

boost::system::error_code last_error() { return {errno, boost::system::system_category()}; }

struct close_stream {
    void operator()(DIR* stream) const { closedir(stream); }
};
using stream = std::unique_ptr<DIR, close_stream>;

stream list(int parent, char const* name) {
    int const fd = openat(parent, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    stream opened{fd < 0 ? nullptr : fdopendir(fd)};
    if (fd >= 0 && !opened) {
        close(fd);
    }
    return opened;
}

/// The next entry's name, or nullptr at the end.
char const* next_name(DIR* from) {
    while (dirent const* entry =
               readdir(from)) {  // NOLINT(concurrency-mt-unsafe): a stream of our own
        std::string_view const name{entry->d_name};
        if (name != "." && name != "..") {
            return entry->d_name;
        }
    }
    return nullptr;
}

class remover {
public:
    explicit remover(int root) : root_(root) {}

    /// Takes up every entry of the top once and tells how many there were.
    outcome<std::size_t> pass() {
        auto const top = list(root_, ".");
        if (!top) {
            return last_error();
        }
        std::size_t entries = 0;
        while (char const* name = next_name(top.get())) {
            ++entries;
            if (unlinkat(root_, name, 0) == 0 || errno == ENOENT) {
                continue;
            }
            if (errno != EISDIR) {
                return last_error();
            }
            if (auto const done = flatten(name); !done) {
                return done.error();
            }
        }
        return entries;
    }

private:
    /// Empties and removes one directory of the top; directories inside go to the top.
    outcome<void> flatten(char const* name) {
        {
            auto const inside = list(root_, name);
            if (!inside) {
                return last_error();
            }
            int const fd = dirfd(inside.get());
            while (char const* child = next_name(inside.get())) {
                if (unlinkat(fd, child, 0) != 0 && (errno != EISDIR || !lift(fd, child))) {
                    return last_error();
                }
            }
        }
        // A directory may be listed incompletely while it shrinks: then it comes again next pass.
        if (unlinkat(root_, name, AT_REMOVEDIR) != 0 && errno != ENOTEMPTY) {
            return last_error();
        }
        return {};
    }

    bool lift(int from, char const* child) {
        for (;;) {
            char name[24];
            std::snprintf(name, sizeof name, ".%llx", static_cast<unsigned long long>(next_++));
            if (renameat2(from, child, root_, name, RENAME_NOREPLACE) == 0) {
                return true;
            }
            if (errno != EEXIST) {
                return false;
            }
        }
    }

    int root_;
    std::uint64_t next_ = 0;
};

}  // namespace

outcome<void> remove_tree_contents(int root) {
    remover work{root};
    for (;;) {
        auto const entries = work.pass();
        if (!entries) {
            return entries.error();
        }
        if (*entries == 0) {
            return {};
        }
    }
}

}  // namespace broker::beneath
