// SPDX-License-Identifier: Apache-2.0
#include "broker/monitor/host.hpp"

#include <fcntl.h>
#include <sched.h>
#include <sys/mount.h>
#include <unistd.h>

#include <cstdlib>
#include <cstring>

namespace broker::monitor {
namespace {

bool read_from(int fd, char* out, std::size_t size) noexcept {
    std::size_t used = 0;
    while (used + 1 < size) {
        ssize_t const n = ::read(fd, out + used, size - 1 - used);
        if (n <= 0) {
            break;
        }
        used += static_cast<std::size_t>(n);
    }
    out[used] = '\0';
    return used > 0;
}

}  // namespace

bool read_text(char const* path, char* out, std::size_t size) noexcept {
    out[0] = '\0';
    int const fd = ::open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    if (fd < 0) {
        return false;
    }
    bool const good = read_from(fd, out, size);
    (void)::close(fd);
    return good;
}

void read_tail(char const* path, char* out, std::size_t size) noexcept {
    out[0] = '\0';
    int const fd = ::open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    if (fd < 0) {
        return;
    }
    off_t const end = ::lseek(fd, 0, SEEK_END);
    auto const room = static_cast<off_t>(size - 1);
    (void)::lseek(fd, end > room ? end - room : 0, SEEK_SET);
    (void)read_from(fd, out, size);
    (void)::close(fd);
    keep_plain(out);
}

bool store(record const& r) noexcept {
    // Always the same length, over the same blocks: the draft is the record before last.
    char text[2048];
    std::size_t const size = format_record(r, text, sizeof text);
    int const fd = ::open(record_draft, O_WRONLY | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd < 0) {
        return false;
    }
    std::memset(text + size, '\n', sizeof text - size);
    bool const good =
        size > 0 && ::write(fd, text, sizeof text) == static_cast<ssize_t>(sizeof text);
    (void)::close(fd);
    return good &&
           (::renameat2(AT_FDCWD, record_draft, AT_FDCWD, record_file, RENAME_EXCHANGE) == 0 ||
            ::rename(record_draft, record_file) == 0);
}

bool reserve(record const& r) noexcept { return store(r) && store(r); }

unsigned long long start_time_of(long pid) noexcept {
    char path[48];
    char text[1024];
    (void)std::snprintf(path, sizeof path, "/proc/%ld/stat", pid);
    if (pid <= 0 || !read_text(path, text, sizeof text)) {
        return 0;
    }
    // The name may hold blanks and brackets, so count fields from the last bracket: 22 - 2 blanks.
    char const* at = std::strrchr(text, ')');
    for (int blanks = 0; at != nullptr && blanks < 20; ++blanks) {
        at = std::strchr(at + 1, ' ');
    }
    return at == nullptr ? 0 : std::strtoull(at + 1, nullptr, 10);
}

unsigned long long counter(char const* path, char const* key) noexcept {
    char text[4096];
    if (!read_text(path, text, sizeof text)) {
        return 0;
    }
    std::size_t const length = std::strlen(key);
    for (char const* line = text; line != nullptr && *line != '\0';) {
        if (std::strncmp(line, key, length) == 0 && line[length] == ' ') {
            return std::strtoull(line + length + 1, nullptr, 10);
        }
        line = std::strchr(line, '\n');
        line = line == nullptr ? nullptr : line + 1;
    }
    return 0;
}

bool enter_runtime_namespace(char const* cover) noexcept {
    if (::unshare(CLONE_NEWNS) != 0 ||
        ::mount(nullptr, "/", nullptr, MS_REC | MS_SLAVE, nullptr) != 0) {
        return false;
    }
    return std::strcmp(cover, "-") == 0 ||
           ::mount("none", cover, "tmpfs", MS_NOSUID | MS_NODEV | MS_NOEXEC,
                   "size=64k,nr_inodes=256,mode=700") == 0;
}

}  // namespace broker::monitor
