// SPDX-License-Identifier: Apache-2.0
#include "broker/core/workspace_diff.hpp"

#include "tests/support/catch.hpp"

using namespace broker;
using kind = file_change::kind;

namespace {

constexpr std::int64_t tick = 4'000'000;

snapshot_entry entry(std::string path, std::uint64_t inode = 1, std::uint64_t size = 10) {
    return {std::move(path), {inode, size, 1000, 1000}, true, std::nullopt};
}

snapshot_entry fresh(std::string path, std::optional<std::uint8_t> content) {
    auto made = entry(std::move(path));
    made.settled = false;
    if (content) {
        made.sha256 = sha256_digest{*content};
    }
    return made;
}

workspace_snapshot look(std::vector<snapshot_entry> entries) {
    workspace_snapshot made;
    made.entries = std::move(entries);
    return made;
}

}  // namespace

TEST_CASE("created, modified and deleted files are told in path order", "[core][files]") {
    auto const changes = diff(look({entry("a"), entry("b"), entry("d"), entry("e")}),
                              look({entry("a"), entry("b", 1, 11), entry("c", 2), entry("e")}));
    CHECK(changes == std::vector<file_change>{{"b", kind::modified, 11},
                                              {"c", kind::created, 10},
                                              {"d", kind::deleted, 0}});
    CHECK(diff(look({}), look({})).empty());
    CHECK(diff(look({}), look({entry("x")})).size() == 1);
    CHECK(diff(look({entry("x")}), look({})).size() == 1);
}

TEST_CASE("each of size, inode, mtime and ctime alone makes a file modified", "[core][files]") {
    auto const before = entry("f");
    auto const changed = [&](auto change) {
        auto after = before;
        change(after.identity);
        return diff(look({before}), look({after})).size() == 1;
    };
    CHECK(changed([](file_identity& id) { ++id.size; }));
    CHECK(changed([](file_identity& id) { ++id.inode; }));
    CHECK(changed([](file_identity& id) { ++id.mtime_ns; }));
    CHECK(changed([](file_identity& id) { ++id.ctime_ns; }));
    CHECK_FALSE(changed([](file_identity&) {}));
}

TEST_CASE("a rewrite within the tick of the last look is seen by its hash", "[core][files]") {
    CHECK(diff(look({fresh("f", 1)}), look({fresh("f", 2)})).size() == 1);
    CHECK(diff(look({fresh("f", 1)}), look({fresh("f", 1)})).empty());
}

TEST_CASE("without both hashes an unsettled file counts as modified", "[core][files]") {
    CHECK(diff(look({fresh("f", std::nullopt)}), look({fresh("f", 1)})).size() == 1);
    CHECK(diff(look({fresh("f", 1)}), look({fresh("f", std::nullopt)})).size() == 1);
    CHECK(diff(look({fresh("f", std::nullopt)}), look({fresh("f", std::nullopt)})).size() == 1);
}

TEST_CASE("a settled look needs no hash later", "[core][files]") {
    CHECK(diff(look({entry("f")}), look({fresh("f", 1)})).empty());
}

TEST_CASE("what one of two looks did not cover is not reported", "[core][files]") {
    auto cut = look({entry("a")});
    cut.complete_until = "m";
    CHECK_FALSE(cut.complete());
    auto const whole = look({entry("a"), entry("b"), entry("z")});
    CHECK(diff(cut, whole) == std::vector<file_change>{{"b", kind::created, 10}});
    CHECK(diff(whole, cut) == std::vector<file_change>{{"b", kind::deleted, 0}});
}

TEST_CASE("a look is settled two ticks after the last change, never in its future",
          "[core][files]") {
    file_identity const id{1, 1, 0, 100 * tick};
    CHECK_FALSE(settled(id, 100 * tick, tick));
    CHECK_FALSE(settled(id, 101 * tick, tick));
    CHECK_FALSE(settled(id, 102 * tick - 1, tick));
    CHECK(settled(id, 102 * tick, tick));
    CHECK_FALSE(settled(id, 50 * tick, tick));
}

TEST_CASE("what a client did is as if it had been so before", "[core][files]") {
    auto before = look({entry("b"), entry("d")});
    auto const put = [](std::string path, std::uint64_t inode) {
        auto const made = entry(std::move(path), inode);
        return client_change{made.path, made.identity, sha256_digest{7}};
    };
    auto const as_put = [&](std::string path, std::uint64_t inode, std::uint8_t content = 7) {
        auto made = fresh(std::move(path), content);
        made.identity.inode = inode;
        return made;
    };
    for (auto const& change : {put("a", 2), put("b", 3), put("e", 4), put("f", 5),
                               client_change{"d", {}, {}}, client_change{"none", {}, {}}}) {
        absorb(change, before);
    }
    CHECK(diff(before, look({as_put("a", 2), as_put("b", 3), as_put("e", 4), as_put("f", 5)}))
              .empty());
    // What an execution makes of it all the same is told.
    CHECK(diff(before, look({as_put("a", 9), as_put("b", 3, 8), as_put("c", 6), as_put("e", 4)})) ==
          std::vector<file_change>{{"a", kind::modified, 10},
                                   {"b", kind::modified, 10},
                                   {"c", kind::created, 10},
                                   {"f", kind::deleted, 0}});
}
