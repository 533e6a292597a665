// SPDX-License-Identifier: Apache-2.0
// A depth-first walk with an explicit stack. A directory sorts as its name with a slash behind it:
// this makes the order of the walk the byte order of whole paths. Never recursive; one thread.
#include "broker/base/beneath_walk.hpp"

#include "broker/base/descriptors.hpp"

#include <dirent.h>
#include <fcntl.h>

#include <algorithm>
#include <cerrno>
#include <memory>
#include <string_view>
#include <utility>
#include <vector>

namespace broker::beneath {
namespace {

boost::system::error_code last_error() { return {errno, boost::system::system_category()}; }

struct close_stream {
    void operator()(DIR* stream) const { closedir(stream); }
};

/// A directory being walked: its names still to visit, the last one first.
struct frame {
    std::unique_ptr<DIR, close_stream> stream;
    std::vector<std::string> names;
    std::size_t path_length = 0;  // of the directory's own path with its slash
};

class walker {
public:
    walker(walk_range const& range, std::function<bool(walked_file const&)> const& visit)
        : range_(range), visit_(visit), names_left_(range.names) {}

    outcome<walk_summary> run(int root) {
        auto top = reopen_directory(root);
        if (!top) {
            return top.error();
        }
        if (auto const entered = enter(std::move(*top)); !entered) {
            return entered.error();
        }
        while (!stack_.empty() && !over_) {
            if (auto const stepped = step(); !stepped) {
                return stepped.error();
            }
        }
        return summary_;
    }

private:
    outcome<void> step() {
        auto& current = stack_.back();
        path_.resize(current.path_length);
        if (current.names.empty()) {
            stack_.pop_back();
            return {};
        }
        auto const name = std::move(current.names.back());
        current.names.pop_back();
        int const fd = dirfd(current.stream.get());
        path_ += name;
        if (name.back() == '/') {
            return descend(fd, name.substr(0, name.size() - 1));
        }
        struct stat status {};
        if (fstatat(fd, name.c_str(), &status, AT_SYMLINK_NOFOLLOW) == 0 &&
            S_ISREG(status.st_mode) && !visit_({path_, status})) {
            over_ = true;
        }
        return {};
    }

    outcome<void> descend(int parent, std::string const& name) {
        if (stack_.size() >= range_.depth) {
            summary_.too_deep = true;
            return {};
        }
        auto opened = open_directory(parent, name);
        if (opened) {
            return enter(std::move(*opened));
        }
        return is_shortage(opened.error().value()) ? outcome<void>{opened.error()}
                                                   : outcome<void>{};
    }

    /// `path_` is the directory's own path with its slash, or empty for the top.
    outcome<void> enter(unique_fd directory) {
        frame entered;
        entered.path_length = path_.size();
        if (auto const noted = note(directory.get()); !noted) {
            return noted;
        }
        entered.stream.reset(fdopendir(directory.get()));
        if (!entered.stream) {
            return last_error();
        }
        (void)directory.release();
        while (dirent const* entry =
                   readdir(entered.stream.get())) {  // NOLINT(concurrency-mt-unsafe)
            std::string_view const name{entry->d_name};
            if (name == "." || name == "..") {
                continue;
            }
            if (names_left_-- == 0) {
                summary_.complete_until = path_;
                over_ = true;
                return {};
            }
            consider(entered, name, entry->d_type);
        }
        std::sort(entered.names.begin(), entered.names.end(), std::greater<>{});
        stack_.push_back(std::move(entered));
        return {};
    }

    outcome<void> note(int directory) {
        if (summary_.directories.size() >= range_.directories) {
            summary_.more_directories = true;
            return {};
        }
        struct stat status {};
        if (fstat(directory, &status) != 0) {
            return last_error();
        }
        auto const path = path_.substr(0, path_.empty() ? 0 : path_.size() - 1);
        summary_.directories.push_back({path, status});
        return {};
    }

    void consider(frame& into, std::string_view name, unsigned char type) const {
        std::string wanted{name};
        if (type == DT_UNKNOWN) {
            struct stat status {};
            int const fd = dirfd(into.stream.get());
            if (fstatat(fd, wanted.c_str(), &status, AT_SYMLINK_NOFOLLOW) == 0) {
                type = S_ISDIR(status.st_mode) ? DT_DIR : S_ISREG(status.st_mode) ? DT_REG : type;
            }
        }
        if (type == DT_DIR) {
            wanted += '/';
        } else if (type != DT_REG) {
            return;
        }
        auto const path = path_ + wanted;
        if (type == DT_DIR ? may_hold_wanted(path) : is_wanted(path)) {
            into.names.push_back(std::move(wanted));
        }
    }

    bool is_wanted(std::string const& path) const {
        return path.starts_with(range_.prefix) && (range_.after.empty() || path > range_.after);
    }

    bool may_hold_wanted(std::string const& folder) const {
        bool const inside = folder.starts_with(range_.prefix) || range_.prefix.starts_with(folder);
        return inside && (folder > range_.after || range_.after.starts_with(folder));
    }

    walk_range const& range_;
    std::function<bool(walked_file const&)> const& visit_;
    std::size_t names_left_;
    std::vector<frame> stack_;
    std::string path_;
    walk_summary summary_;
    bool over_ = false;
};

}  // namespace

outcome<walk_summary> walk_files(int root, walk_range const& range,
                                 std::function<bool(walked_file const&)> const& visit) {
    return walker{range, visit}.run(root);
}

}  // namespace broker::beneath
