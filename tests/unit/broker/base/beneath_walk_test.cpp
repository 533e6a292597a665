// SPDX-License-Identifier: Apache-2.0
#include "broker/base/beneath_walk.hpp"

#include "tests/support/catch.hpp"
#include "tests/support/temporary_directory.hpp"

#include <algorithm>
#include <vector>

namespace beneath = broker::beneath;

namespace {

using names = std::vector<std::string>;

struct seen {
    names paths;
    beneath::walk_summary summary;
};

seen walk(test::temporary_directory const& in, beneath::walk_range const& range = {},
          std::size_t stop_after = SIZE_MAX) {
    seen found;
    auto const walked = beneath::walk_files(in.fd(), range, [&](beneath::walked_file const& file) {
        found.paths.push_back(file.path);
        return found.paths.size() < stop_after;
    });
    REQUIRE(walked.has_value());
    found.summary = *walked;
    return found;
}

void plant(test::temporary_directory const& in) {
    in.make("a");
    in.make("a/b");
    for (auto const* name : {"a-", "a.txt", "a/x", "a/b/c", "a/b-", "z", "B"}) {
        in.write(name, name);
    }
    in.link("z", "link");
    in.link("a", "folder-link");
    REQUIRE(mkfifo((in / "fifo").c_str(), 0600) == 0);
    in.make("empty");
}

}  // namespace

TEST_CASE("regular files come in the byte order of whole paths, nothing else comes",
          "[base][beneath]") {
    test::temporary_directory in;
    plant(in);
    auto const found = walk(in);
    CHECK(found.paths == names{"B", "a-", "a.txt", "a/b-", "a/b/c", "a/x", "z"});
    CHECK(std::is_sorted(found.paths.begin(), found.paths.end()));
    CHECK_FALSE(found.summary.complete_until);
    CHECK_FALSE(found.summary.too_deep);
}

TEST_CASE("a walk goes on behind any path, found or not", "[base][beneath]") {
    test::temporary_directory in;
    plant(in);
    auto const all = walk(in).paths;
    for (std::size_t i = 0; i < all.size(); ++i) {
        CAPTURE(all[i]);
        names const rest(all.begin() + static_cast<std::ptrdiff_t>(i) + 1, all.end());
        CHECK(walk(in, {.prefix = {}, .after = all[i]}).paths == rest);
    }
    CHECK(walk(in, {.prefix = {}, .after = "a/b/"}).paths == names{"a/b/c", "a/x", "z"});
    CHECK(walk(in, {.prefix = {}, .after = "a/bb"}).paths == names{"a/x", "z"});
}

TEST_CASE("a prefix is of the path, not of a folder", "[base][beneath]") {
    test::temporary_directory in;
    plant(in);
    CHECK(walk(in, {.prefix = "a/b", .after = {}}).paths == names{"a/b-", "a/b/c"});
    CHECK(walk(in, {.prefix = "a/b/", .after = {}}).paths == names{"a/b/c"});
    CHECK(walk(in, {.prefix = "a", .after = "a/b-"}).paths == names{"a/b/c", "a/x"});
    CHECK(walk(in, {.prefix = "nothing", .after = {}}).paths.empty());
}

TEST_CASE("a visitor ends the walk, and caps end it in words", "[base][beneath]") {
    test::temporary_directory in;
    plant(in);
    CHECK(walk(in, {}, 2).paths == names{"B", "a-"});
    // 9 names at the top, then 3 in `a`: the walk ends where it would have had to read them.
    auto const cut = walk(in, {.prefix = {}, .after = {}, .names = 10});
    CHECK(cut.paths == names{"B", "a-", "a.txt"});
    CHECK(cut.summary.complete_until == "a/");
    auto const shallow = walk(in, {.prefix = {}, .after = {}, .names = 1000, .depth = 2});
    CHECK(shallow.paths == names{"B", "a-", "a.txt", "a/b-", "a/x", "z"});
    CHECK(shallow.summary.too_deep);
}
