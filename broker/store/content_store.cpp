// SPDX-License-Identifier: Apache-2.0
// Drafts in one folder, contents in 256, by the first byte of their digest. Never a rename over a
// content that is there: who reads it goes on reading it. Blocks.
#include "broker/store/content_store.hpp"

#include "broker/base/ids.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <filesystem>
#include <memory>
#include <set>
#include <system_error>
#include <utility>

namespace broker {
namespace {

constexpr std::size_t piece_bytes = std::size_t{256} << 10;

failure os_failure(std::string_view doing, int error) {
    if (error == ENOSPC || error == EDQUOT) {
        return fail(errc::no_capacity, "the broker's own disk is full");
    }
    return fail(errc::internal,
                fmt::format("a file version {}: {}", doing, std::system_category().message(error)));
}

failure os_failure(std::string_view doing) { return os_failure(doing, errno); }

/// What was named in it stays named when the host fails.
result<void> flush_directory(std::string const& path) {
    unique_fd const dir(::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    if (!dir || ::fsync(dir.get()) != 0) {
        return os_failure("could not be kept");
    }
    return {};
}

/// True when it was not there before.
result<bool> make_directory(std::string const& path) {
    if (::mkdir(path.c_str(), 0700) == 0) {
        return true;
    }
    if (errno != EEXIST) {
        return os_failure("has no folder");
    }
    return false;
}

std::string drafts_of(std::string const& directory) { return directory + "/incoming"; }

}  // namespace

content_draft::content_draft(content_draft&& from) noexcept
    : path_(std::exchange(from.path_, {})),
      file_(std::move(from.file_)),
      hash_(std::move(from.hash_)),
      key_(from.key_) {}

content_draft& content_draft::operator=(content_draft&& from) noexcept {
    if (this != &from) {
        drop();
        path_ = std::exchange(from.path_, {});
        file_ = std::move(from.file_);
        hash_ = std::move(from.hash_);
        key_ = from.key_;
    }
    return *this;
}

content_draft::~content_draft() { drop(); }

void content_draft::drop() noexcept {
    if (!path_.empty()) {
        ::unlink(path_.c_str());
        path_.clear();
    }
}

result<void> content_draft::write(std::string_view bytes) {
    hash_.add(bytes);
    key_.size_bytes += bytes.size();
    while (!bytes.empty()) {
        ssize_t const done = ::write(file_.get(), bytes.data(), bytes.size());
        if (done < 0 && errno != EINTR) {
            return os_failure("could not be written");
        }
        bytes.remove_prefix(done < 0 ? 0 : static_cast<std::size_t>(done));
    }
    return {};
}

result<void> content_draft::write_hole(std::uint64_t bytes) {
    static std::string const zeros(piece_bytes, '\0');
    if (::lseek(file_.get(), static_cast<off_t>(bytes), SEEK_CUR) < 0) {
        return os_failure("could not be written");
    }
    key_.size_bytes += bytes;
    for (; bytes > 0; bytes -= std::min<std::uint64_t>(bytes, zeros.size())) {
        hash_.add(
            {zeros.data(), static_cast<std::size_t>(std::min<std::uint64_t>(bytes, zeros.size()))});
    }
    return {};
}

result<bool> content_draft::write_file(int from, std::uint64_t size) {
    auto const piece = std::make_unique_for_overwrite<char[]>(piece_bytes);
    for (std::uint64_t at = 0; at < size;) {
        // Where a file system cannot tell, all is data.
        off_t const data = ::lseek(from, static_cast<off_t>(at), SEEK_DATA);
        auto const next = data >= 0        ? std::min(static_cast<std::uint64_t>(data), size)
                          : errno == ENXIO ? size
                                           : at;
        if (next > at) {
            struct stat info {};
            if (::fstat(from, &info) != 0 || static_cast<std::uint64_t>(info.st_size) < next) {
                return false;
            }
            if (auto const done = write_hole(next - at); !done) {
                return done.error();
            }
            at = next;
            continue;
        }
        auto const wanted =
            static_cast<std::size_t>(std::min<std::uint64_t>(piece_bytes, size - at));
        ssize_t const got = ::pread(from, piece.get(), wanted, static_cast<off_t>(at));
        if (got < 0 && errno == EINTR) {
            continue;
        }
        if (got < 0) {
            return os_failure("could not be read");
        }
        if (got == 0) {
            return false;
        }
        if (auto const done = write({piece.get(), static_cast<std::size_t>(got)}); !done) {
            return done.error();
        }
        at += static_cast<std::uint64_t>(got);
    }
    return true;
}

result<content_key> content_draft::finish(flush when) {
    // A hole at the end has no byte that was written behind it.
    if (::ftruncate(file_.get(), static_cast<off_t>(key_.size_bytes)) != 0 ||
        (when == flush::now && ::fsync(file_.get()) != 0)) {
        return os_failure("could not be kept");
    }
    key_.sha256 = hash_.finish();
    file_.reset();
    return key_;
}

result<content_store> content_store::open(std::string directory) {
    for (auto const& path : {directory, drafts_of(directory)}) {
        if (auto const made = make_directory(path); !made) {
            return made.error();
        }
    }
    std::error_code error;
    for (std::filesystem::directory_iterator at(drafts_of(directory), error), end;
         !error && at != end; at.increment(error)) {
        std::filesystem::remove(at->path(), error);
    }
    if (error) {
        return os_failure("of an earlier run could not be removed", error.value());
    }
    return content_store(std::move(directory));
}

result<content_draft> content_store::begin() const {
    auto path = drafts_of(directory_) + "/" + make_random_id();
    unique_fd file(::open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600));
    if (!file) {
        return os_failure("could not be begun");
    }
    return content_draft(std::move(path), std::move(file));
}

result<void> content_store::flush() const {
    unique_fd const dir(::open(directory_.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    if (!dir || ::syncfs(dir.get()) != 0) {
        return os_failure("could not be kept");
    }
    return {};
}

std::string content_store::folder_of(sha256_digest const& sha256) const {
    return directory_ + "/" + to_hex(sha256).substr(0, 2);
}

std::string content_store::path_of(sha256_digest const& sha256) const {
    return folder_of(sha256) + "/" + to_hex(sha256).substr(2);
}

result<unique_fd> content_store::read(sha256_digest const& sha256) const {
    unique_fd file(::open(path_of(sha256).c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW));
    if (!file) {
        return errno == ENOENT ? fail(errc::file_not_found, "there is no such file version")
                               : os_failure("could not be opened");
    }
    return file;
}

result<void> content_store::name(content_draft& draft) {
    auto const path = path_of(draft.key_.sha256);
    struct stat there {};
    bool const is_there = ::lstat(path.c_str(), &there) == 0;
    if (is_there && static_cast<std::uint64_t>(there.st_size) == draft.key_.size_bytes) {
        draft.drop();
        return {};
    }
    if (::rename(draft.path_.c_str(), path.c_str()) != 0) {
        return os_failure("could not be named");
    }
    draft.path_.clear();
    return {};
}

result<void> content_store::keep(std::vector<content_draft> drafts) {
    std::set<std::string> folders;
    bool more_folders = false;
    for (auto& one : drafts) {
        auto const folder = folder_of(one.key_.sha256);
        auto const made = make_directory(folder);
        if (!made) {
            return made.error();
        }
        more_folders = more_folders || *made;
        folders.insert(folder);
        if (auto named = name(one); !named) {
            return named;
        }
    }
    if (more_folders) {
        folders.insert(directory_);
    }
    for (auto const& folder : folders) {
        if (auto flushed = flush_directory(folder); !flushed) {
            return flushed;
        }
    }
    return {};
}

result<std::uint64_t> content_store::remove(std::vector<sha256_digest> const& forgotten) {
    std::uint64_t freed = 0;
    for (auto const& one : forgotten) {
        auto const path = path_of(one);
        struct stat there {};
        if (::lstat(path.c_str(), &there) != 0) {
            continue;
        }
        if (::unlink(path.c_str()) != 0 && errno != ENOENT) {
            return os_failure("could not be removed");
        }
        freed += static_cast<std::uint64_t>(there.st_size);
    }
    return freed;
}

result<void> content_store::for_each(std::function<void(content_key const&)> const& see) const {
    std::error_code error;
    std::filesystem::recursive_directory_iterator at(directory_, error);
    for (std::filesystem::recursive_directory_iterator const end; !error && at != end;
         at.increment(error)) {
        auto const folder = at->path().parent_path().filename().string();
        auto const digest = sha256_from_hex(folder + at->path().filename().string());
        if (digest && at->is_regular_file(error)) {
            see({*digest, at->file_size(error)});
        }
    }
    if (error) {
        return os_failure("could not be looked for", error.value());
    }
    return {};
}

}  // namespace broker
