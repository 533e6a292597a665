// SPDX-License-Identifier: Apache-2.0
#include "broker/core/hash_cache.hpp"

#include "tests/support/catch.hpp"

using namespace broker;

namespace {
sha256_digest digest_of(std::uint8_t first) { return {first}; }
}  // namespace

TEST_CASE("a digest is found again only while all four of its file are the same", "[core][files]") {
    hash_cache cache;
    file_identity const id{.inode = 12, .size = 5, .mtime_ns = 100, .ctime_ns = 200};
    CHECK_FALSE(cache.find(id));
    cache.put(id, digest_of(1));
    CHECK(cache.find(id) == digest_of(1));
    for (auto const& other : {file_identity{13, 5, 100, 200}, file_identity{12, 6, 100, 200},
                              file_identity{12, 5, 101, 200}, file_identity{12, 5, 100, 201}}) {
        CHECK_FALSE(cache.find(other));
    }
}

TEST_CASE("a changed file's digest takes the place of its old one", "[core][files]") {
    hash_cache cache;
    cache.put({12, 5, 100, 200}, digest_of(1));
    cache.put({12, 5, 100, 300}, digest_of(2));
    CHECK(cache.size() == 1);
    CHECK_FALSE(cache.find({12, 5, 100, 200}));
    CHECK(cache.find({12, 5, 100, 300}) == digest_of(2));
}

TEST_CASE("the cache stays within its bound and keeps working", "[core][files]") {
    hash_cache cache;
    for (std::uint64_t inode = 0; inode < 3 * hash_cache::max_entries; ++inode) {
        cache.put({inode, 1, 1, 1}, digest_of(3));
        REQUIRE(cache.size() <= hash_cache::max_entries);
    }
    CHECK(cache.find({3 * hash_cache::max_entries - 1, 1, 1, 1}));
}
