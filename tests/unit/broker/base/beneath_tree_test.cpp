// SPDX-License-Identifier: Apache-2.0
#include "broker/base/beneath.hpp"
#include "tests/support/catch.hpp"
#include "tests/support/temporary_directory.hpp"

#include <sys/resource.h>

namespace beneath = broker::beneath;
using broker::unique_fd;

namespace {

bool is_empty(test::temporary_directory const& outside, char const* name) {
    return rmdir((outside / name).c_str()) == 0;
}

/// For as long as it lives, no more than a handful of descriptors can be opened.
struct few_descriptors {
    rlimit before{};
    few_descriptors() {
        getrlimit(RLIMIT_NOFILE, &before);
        unique_fd const next{dup(0)};
        rlimit const tight{static_cast<rlim_t>(next.get()) + 4, before.rlim_max};
        REQUIRE(setrlimit(RLIMIT_NOFILE, &tight) == 0);
    }
    few_descriptors(few_descriptors const&) = delete;
    few_descriptors& operator=(few_descriptors const&) = delete;
    ~few_descriptors() { setrlimit(RLIMIT_NOFILE, &before); }
};

}  // namespace

TEST_CASE(
    "a tree deeper than any path or descriptor limit is removed with a handful of descriptors",
    "[base][beneath]") {
    test::temporary_directory outside;
    outside.make("tree");
    unique_fd level{openat(outside.fd(), "tree", O_RDONLY | O_DIRECTORY | O_CLOEXEC)};
    unique_fd const tree{dup(level.get())};
    for (int i = 0; i < 3000; ++i) {
        REQUIRE(mkdirat(level.get(), "deeper", 0) == 0);
        level.reset(openat(level.get(), "deeper", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
        REQUIRE(level);
    }
    level.reset();
    {
        few_descriptors const limit;
        CHECK(beneath::remove_tree_contents(tree.get()).has_value());
    }
    CHECK(is_empty(outside, "tree"));
}

TEST_CASE("a tree with every kind of entry is removed and nothing outside it", "[base][beneath]") {
    test::temporary_directory outside;
    outside.write("canary", "secret");
    outside.make("kept");
    outside.write("kept/file", "x");
    outside.make("tree");
    outside.link("../canary", "tree/link");
    outside.link("../kept", "tree/folder-link");
    REQUIRE(mkfifo((outside / "tree/fifo").c_str(), 0) == 0);
    REQUIRE(link((outside / "canary").c_str(), (outside / "tree/hard").c_str()) == 0);
    outside.make("tree/.0");  // a name that the removal itself would like to use
    outside.write("tree/.1", "x");
    outside.make("tree/wide");
    std::string const ugly(255, '\xff');
    for (int i = 0; i < 50; ++i) {
        auto const name = "tree/wide/" + std::to_string(i);
        outside.make(name);
        outside.write(name + "/" + ugly, "x");
        outside.make(name + "/inner");
        REQUIRE(chmod((outside / name).c_str(), 0) == 0);
    }
    unique_fd const tree{openat(outside.fd(), "tree", O_RDONLY | O_DIRECTORY | O_CLOEXEC)};
    CHECK(beneath::remove_tree_contents(tree.get()).has_value());
    CHECK(is_empty(outside, "tree"));
    CHECK(outside.read("canary") == "secret");
    CHECK(outside.read("kept/file") == "x");
}
