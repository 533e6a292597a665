// SPDX-License-Identifier: Apache-2.0
// Files of the image builder. Never leaves half of a file under its final name. Blocks.
#include "broker/runtime/image_files.hpp"

#include "broker/runtime/host_files.hpp"

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <cerrno>

namespace broker {
namespace {

namespace fs = std::filesystem;

failure failed(fs::path const& path) {
    return fail(errc::internal, path.native() + ": " + describe_errno(errno));
}

}  // namespace

result<void> write_file(fs::path const& path, std::string_view text) {
    unique_fd const fd(::open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644));
    if (!fd) {
        return failed(path);
    }
    while (!text.empty()) {
        ssize_t const n = ::write(fd.get(), text.data(), text.size());
        if (n < 0 && errno != EINTR) {
            return failed(path);
        }
        text.remove_prefix(n < 0 ? 0 : static_cast<std::size_t>(n));
    }
    return ::fsync(fd.get()) == 0 ? result<void>{} : failed(path);
}

result<void> replace_file(fs::path const& path, std::string_view text) {
    // The leading dot keeps it from being taken for a name; only one builder writes at a time.
    auto const next = path.parent_path() / ("." + path.filename().native() + ".new");
    if (auto written = write_file(next, text); !written) {
        return written;
    }
    if (::rename(next.c_str(), path.c_str()) != 0) {
        return failed(path);
    }
    unique_fd const directory(
        ::open(path.parent_path().c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    return directory && ::fsync(directory.get()) == 0 ? result<void>{} : failed(path.parent_path());
}

void sync_file_system(fs::path const& path) {
    unique_fd const fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
    ::syncfs(fd.get());
}

result<unique_fd> lock_file(fs::path const& path, std::function<void()> const& on_wait) {
    unique_fd fd(::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600));
    if (!fd) {
        return failed(path);
    }
    if (::flock(fd.get(), LOCK_EX | LOCK_NB) == 0) {
        return fd;
    }
    on_wait();
    while (::flock(fd.get(), LOCK_EX) != 0) {
        if (errno != EINTR) {
            return failed(path);
        }
    }
    return fd;
}

}  // namespace broker
