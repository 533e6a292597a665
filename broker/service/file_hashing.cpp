// SPDX-License-Identifier: Apache-2.0
// Hashes between two fstat(2) that must agree. Never puts a digest into the cache that a later
// write in the same clock tick could falsify. Any thread.
#include "broker/service/file_hashing.hpp"

#include <fmt/format.h>
#include <time.h>  // NOLINT(modernize-deprecated-headers): clock_gettime

namespace broker {
namespace {

constexpr int tries = 3;
constexpr std::uint64_t unlimited_budget = std::uint64_t{2} << 30;  // without a quota
constexpr std::int64_t second_ns = 1'000'000'000;

std::int64_t in_ns(timespec const& t) { return std::int64_t{t.tv_sec} * second_ns + t.tv_nsec; }

bool allowed(workspace const& in, std::uint64_t size, std::uint64_t budget) {
    return size <= budget && (in.size_bytes == 0 || size <= in.size_bytes);
}

}  // namespace

std::int64_t file_clock_ns() {
    timespec now{};
    clock_gettime(CLOCK_REALTIME_COARSE, &now);
    return in_ns(now);
}

std::int64_t file_clock_tick_ns() {
    timespec tick{};
    clock_getres(CLOCK_REALTIME_COARSE, &tick);
    return in_ns(tick);
}

std::uint64_t hash_budget(workspace const& in) {
    return in.size_bytes != 0 ? in.size_bytes : unlimited_budget;
}

file_identity identity_of(struct stat const& status) {
    return {.inode = status.st_ino,
            .size = static_cast<std::uint64_t>(status.st_size),
            .mtime_ns = in_ns(status.st_mtim),
            .ctime_ns = in_ns(status.st_ctim)};
}

hashed_file hash_open_file(workspace const& in, int fd, hash_cache& hashes, std::uint64_t& budget) {
    hashed_file file;
    for (int i = 0; i < tries; ++i) {
        auto const looked_at = file_clock_ns();
        struct stat status {};
        if (fstat(fd, &status) != 0) {
            return file;
        }
        file.identity = identity_of(status);
        file.sha256 = hashes.find(file.identity);
        if (file.sha256 || !allowed(in, file.identity.size, budget)) {
            return file;
        }
        budget -= file.identity.size;
        auto const digest = sha256_of_file(fd, file.identity.size);
        if (!digest || fstat(fd, &status) != 0 || identity_of(status) != file.identity) {
            continue;
        }
        file.sha256 = digest;
        if (settled(file.identity, looked_at, file_clock_tick_ns())) {
            hashes.put(file.identity, *digest);
        }
        return file;
    }
    return file;
}

std::string etag_of(hashed_file const& file) {
    if (file.sha256) {
        return '"' + to_hex(*file.sha256) + '"';
    }
    auto const& id = file.identity;
    return fmt::format("\"i{:x}-{:x}-{:x}-{:x}\"", id.inode, id.size, id.mtime_ns, id.ctime_ns);
}

}  // namespace broker
