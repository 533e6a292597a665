// SPDX-License-Identifier: Apache-2.0
#include "broker/service/file_hashing.hpp"
#include "broker/service/workspace_files.hpp"
#include "tests/support/catch.hpp"
#include "tests/support/plain_workspace.hpp"

#include <fcntl.h>
#include <sys/mman.h>
#include <time.h>

#include <cstdint>

using namespace broker;
using kind = file_change::kind;
using test::plain_workspace;

namespace {

workspace_snapshot look(plain_workspace const& w, workspace_snapshot const* previous = nullptr,
                        scan_caps const& caps = {}) {
    hash_cache hashes;
    auto taken = take_snapshot(*w.in, previous, hashes, caps);
    REQUIRE(taken.has_value());
    return std::move(*taken);
}

/// Until a write now is told from one before by its time stamps. File systems may stamp with the
/// exact time, and the clock of ticks may be late: it has to have passed that.
void let_time_settle() {
    timespec exact{};
    clock_gettime(CLOCK_REALTIME, &exact);
    auto const from = exact.tv_sec * std::int64_t{1'000'000'000} + exact.tv_nsec;
    while (file_clock_ns() <= from + 3 * file_clock_tick_ns()) {
    }
}

}  // namespace

TEST_CASE("two looks tell what was created, modified and deleted", "[service][files]") {
    plain_workspace w;
    w.make("d");
    w.write("d/kept", "x");
    w.write("changed", "x");
    w.write("gone", "x");
    w.outside.link("changed", "data/link");
    let_time_settle();
    auto const before = look(w);
    CHECK(before.complete());
    CHECK(before.entries.size() == 3);
    w.write("changed", "longer");
    w.write("d/new", "12");
    REQUIRE(unlink((w.outside / "data/gone").c_str()) == 0);
    auto const after = look(w, &before);
    CHECK(diff(before, after) == std::vector<file_change>{{"changed", kind::modified, 6},
                                                          {"d/new", kind::created, 2},
                                                          {"gone", kind::deleted, 0}});
    CHECK(diff(after, look(w, &after)).empty());
}

TEST_CASE("settled files are not read again", "[service][files]") {
    plain_workspace w;
    w.write("file", "x");
    let_time_settle();
    auto const before = look(w);
    REQUIRE(before.entries.size() == 1);
    CHECK(before.entries[0].settled);
    CHECK_FALSE(before.entries[0].sha256);
    CHECK_FALSE(look(w, &before).entries[0].sha256);
}

TEST_CASE("a rewrite of the same size in the same tick is seen", "[service][files]") {
    plain_workspace w;
    w.write("file", "a");
    auto before = look(w);
    REQUIRE_FALSE(before.entries[0].settled);
    REQUIRE(before.entries[0].sha256);
    w.write("file", "b");
    auto after = look(w, &before);
    // As if both writes had got the same stamps, as they do on older kernels.
    before.entries[0].identity = after.entries[0].identity;
    CHECK(diff(before, after).size() == 1);
    // And the look that follows after the tick compares contents, too.
    let_time_settle();
    auto const later = look(w, &before);
    CHECK(later.entries[0].settled);
    REQUIRE(later.entries[0].sha256);
    CHECK(diff(before, later).size() == 1);
    CHECK(diff(after, look(w, &after)).empty());
}

TEST_CASE("past a cap the look says from where on it does not know", "[service][files]") {
    plain_workspace w;
    for (auto const* name : {"a", "b", "c", "d"}) {
        w.write(name, "x");
    }
    auto const few = look(w, nullptr, {.entries = 2});
    CHECK(few.entries.size() == 2);
    CHECK(few.complete_until == "c");
    CHECK_FALSE(few.complete());
    CHECK(diff(few, look(w, &few)).empty());
    CHECK(look(w, nullptr, {.path_bytes = 3}).complete_until == "d");
    CHECK(look(w, nullptr, {.names = 3}).complete_until == "");
}

TEST_CASE("without a hashing budget a doubtful file counts as modified", "[service][files]") {
    plain_workspace w;
    w.write("file", "a");
    auto const before = look(w, nullptr, {.hash_bytes = 0});
    REQUIRE_FALSE(before.entries[0].sha256);
    CHECK(diff(before, look(w, &before)).size() == 1);
}

TEST_CASE("the digest of an unsettled look is not cached", "[service][files]") {
    plain_workspace w;
    w.write("file", "a");
    hash_cache hashes;
    REQUIRE(take_snapshot(*w.in, nullptr, hashes).has_value());
    CHECK(hashes.size() == 0);
    let_time_settle();
    REQUIRE(list_files(*w.in, {}, hashes).has_value());
    CHECK(hashes.size() == 1);
}

TEST_CASE("a still workspace is told without looking again", "[service][files]") {
    plain_workspace w;
    w.make("d");
    w.write("d/file", "x");
    w.write("other", "x");
    CHECK_FALSE(is_still(*w.in, look(w)));  // not settled: a second write would leave no trace
    let_time_settle();
    auto const before = look(w);
    CHECK(is_still(*w.in, before));

    SECTION("a file written in place") { w.write("d/file", "y"); }
    SECTION("a new file") { w.write("d/new", "x"); }
    SECTION("a new directory") { w.make("d/e"); }
    SECTION("a file that is gone") { REQUIRE(unlink((w.outside / "data/other").c_str()) == 0); }
    SECTION("a directory under another name") {
        REQUIRE(rename((w.outside / "data/d").c_str(), (w.outside / "data/e").c_str()) == 0);
    }
    SECTION("a write through memory") {
        unique_fd const file{open((w.outside / "data/other").c_str(), O_RDWR | O_CLOEXEC)};
        void* const page = mmap(nullptr, 4096, PROT_WRITE, MAP_SHARED, file.get(), 0);
        REQUIRE(page != MAP_FAILED);
        *static_cast<char*>(page) = 'y';
        REQUIRE(munmap(page, 4096) == 0);
    }
    CHECK_FALSE(is_still(*w.in, before));
    CHECK(diff(before, look(w, &before)).size() <= 2);
}

TEST_CASE("of a large, cut or deep workspace nobody says that it is still", "[service][files]") {
    plain_workspace w;
    for (int i = 0; i < 30; ++i) {
        w.write("file-" + std::to_string(i), "x");
    }
    let_time_settle();
    CHECK_FALSE(is_still(*w.in, look(w)));
    CHECK_FALSE(is_still(*w.in, look(w, nullptr, {.entries = 2})));
    CHECK_FALSE(is_still(*w.in, workspace_snapshot{}));
}
