// SPDX-License-Identifier: Apache-2.0
// Results by rename, events by appending. Never a name that is not an id of ours. Blocks; any
// thread.
#include "broker/store/execution_files.hpp"

#include "broker/base/unique_fd.hpp"

#include <dirent.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <memory>
#include <system_error>

namespace broker {
namespace {

failure os_failure(std::string_view doing) {
    if (errno == ENOSPC || errno == EDQUOT) {
        return fail(errc::no_capacity, "the broker's own disk is full");
    }
    return fail(errc::internal,
                fmt::format("a result {}: {}", doing, std::system_category().message(errno)));
}

bool write_all(int fd, std::string_view bytes) {
    while (!bytes.empty()) {
        ssize_t const n = ::write(fd, bytes.data(), bytes.size());
        if (n < 0 && errno != EINTR) {
            return false;
        }
        bytes.remove_prefix(n < 0 ? 0 : static_cast<std::size_t>(n));
    }
    return true;
}

struct close_dir {
    void operator()(DIR* dir) const noexcept { ::closedir(dir); }
};

}  // namespace

result<void> execution_files::write_result(execution_id const& id, std::string_view json) const {
    if (!is_random_id(id.str())) {
        return fail(errc::internal, "a result of no execution");
    }
    std::string const path = path_of(id);
    std::string const half = path + ".new";
    // Page cache is enough: it outlives the process, and a host that fails takes the session along.
    unique_fd const file(::open(half.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600));
    if (!file || !write_all(file.get(), json) || ::rename(half.c_str(), path.c_str()) != 0) {
        auto const failed = os_failure("could not be kept");
        ::unlink(half.c_str());
        return failed;
    }
    return {};
}

result<std::string> execution_files::read_result(execution_id const& id) const {
    if (!is_random_id(id.str())) {
        return fail(errc::execution_not_found, "no such execution");
    }
    unique_fd const file(::open(path_of(id).c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW));
    struct stat info {};
    if (!file || ::fstat(file.get(), &info) != 0) {
        return errno == ENOENT ? fail(errc::execution_not_found, "no such execution")
                               : os_failure("could not be read");
    }
    std::string json(static_cast<std::size_t>(info.st_size), '\0');
    for (std::size_t done = 0; done < json.size();) {
        ssize_t const n = ::read(file.get(), json.data() + done, json.size() - done);
        if (n == 0 || (n < 0 && errno != EINTR)) {
            return os_failure("could not be read");
        }
        done += n < 0 ? 0 : static_cast<std::size_t>(n);
    }
    return json;
}

result<unique_fd> execution_files::open_events(execution_id const& id, bool may_make) const {
    if (!is_random_id(id.str())) {
        return fail(errc::execution_not_found, "no such execution");
    }
    int const flags = O_RDWR | O_APPEND | O_CLOEXEC | O_NOFOLLOW | (may_make ? O_CREAT : 0);
    unique_fd file(::open(events_of(id).c_str(), flags, 0600));
    if (!file) {
        return errno == ENOENT ? fail(errc::execution_not_found, "no such execution")
                               : os_failure("could not be opened");
    }
    return file;
}

void execution_files::remove(execution_id const& id) const {
    if (is_random_id(id.str())) {
        ::unlink(path_of(id).c_str());
        ::unlink(events_of(id).c_str());
    }
}

void execution_files::remove_events(execution_id const& id) const {
    if (is_random_id(id.str())) {
        ::unlink(events_of(id).c_str());
    }
}

result<void> execution_files::keep_only(std::unordered_set<execution_id> const& ids) const {
    std::unique_ptr<DIR, close_dir> const dir(::opendir(directory_.c_str()));
    if (!dir) {
        return os_failure("directory could not be read");
    }
    // readdir(3) is safe on a stream of one thread's own.
    while (auto const* entry = ::readdir(dir.get())) {  // NOLINT(concurrency-mt-unsafe)
        std::string const name = entry->d_name;
        auto const id = name.substr(0, name.rfind(".events"));
        if (name != "." && name != ".." && !ids.contains(execution_id(id))) {
            ::unlinkat(::dirfd(dir.get()), name.c_str(), 0);
        }
    }
    return {};
}

result<void> append_to(int events, std::string_view bytes) {
    return write_all(events, bytes) ? result<void>{} : os_failure("could not be kept");
}

result<std::string> read_from(int events, std::uint64_t offset, std::size_t bytes) {
    std::string read(bytes, '\0');
    std::size_t done = 0;
    while (done < bytes) {
        ssize_t const n =
            ::pread(events, read.data() + done, bytes - done, static_cast<off_t>(offset + done));
        if (n == 0) {
            break;
        }
        if (n < 0 && errno != EINTR) {
            return os_failure("could not be read");
        }
        done += n < 0 ? 0 : static_cast<std::size_t>(n);
    }
    read.resize(done);
    return read;
}

}  // namespace broker
