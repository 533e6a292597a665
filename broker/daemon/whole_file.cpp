// SPDX-License-Identifier: Apache-2.0
// open, write, rename. Never a temporary file that stays after a failure. Any thread.
#include "broker/daemon/whole_file.hpp"

#include "broker/base/unique_fd.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>

#include <array>
#include <cerrno>
#include <system_error>

namespace broker {
namespace {

failure failed(std::string_view what, std::string const& path) {
    return fail(errc::internal,
                fmt::format("{} cannot be {}: {}", path == "-" ? "standard input" : path, what,
                            std::system_category().message(errno)));
}

bool write_all(int fd, std::string_view bytes) {
    while (!bytes.empty()) {
        auto const written = ::write(fd, bytes.data(), bytes.size());
        if (written < 0 && errno != EINTR) {
            return false;
        }
        bytes.remove_prefix(written > 0 ? static_cast<std::size_t>(written) : 0);
    }
    return true;
}

/// The mode of what is replaced; of a new file, what the umask leaves.
mode_t mode_for(std::string const& path) {
    struct stat info {};
    if (::stat(path.c_str(), &info) == 0) {
        return info.st_mode & 0777U;
    }
    auto const mask = ::umask(0);
    ::umask(mask);
    return 0666U & ~mask;
}

}  // namespace

result<std::string> read_whole_file(std::string const& path) {
    unique_fd file{path == "-" ? ::fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, 0)
                               : ::open(path.c_str(), O_RDONLY | O_CLOEXEC)};
    if (!file) {
        return failed("read", path);
    }
    std::string out;
    std::array<char, 65536> bytes{};
    for (;;) {
        auto const got = ::read(file.get(), bytes.data(), bytes.size());
        if (got == 0) {
            return out;
        }
        if (got > 0) {
            out.append(bytes.data(), static_cast<std::size_t>(got));
        } else if (errno != EINTR) {
            return failed("read", path);
        }
    }
}

result<void> replace_file(std::string const& path, std::string_view bytes) {
    auto const mode = mode_for(path);
    auto temporary = path + ".XXXXXX";
    unique_fd file{::mkostemp(temporary.data(), O_CLOEXEC)};
    if (!file) {
        return failed("written", path);
    }
    if (!write_all(file.get(), bytes) || ::fchmod(file.get(), mode) != 0 ||
        ::fsync(file.get()) != 0 || ::rename(temporary.c_str(), path.c_str()) != 0) {
        auto const why = failed("written", path);
        (void)::unlink(temporary.c_str());
        return why;
    }
    return {};
}

}  // namespace broker
