// SPDX-License-Identifier: Apache-2.0
#include "broker/runtime/host_files.hpp"

#include "broker/base/unique_fd.hpp"
#include "tests/support/catch.hpp"

#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

using namespace broker;

namespace {

std::string scratch() {
    char name[] = "/tmp/kb-files-XXXXXX";
    REQUIRE(::mkdtemp(name) != nullptr);
    return name;
}

}  // namespace

TEST_CASE("a tree of any depth is removed with few descriptors", "[files]") {
    auto const dir = scratch();
    REQUIRE(make_directory(dir + "/deep", 0700) == 0);
    unique_fd at{::open((dir + "/deep").c_str(), O_RDONLY | O_DIRECTORY)};
    for (int i = 0; i < 3000; ++i) {
        REQUIRE(::mkdirat(at.get(), "d", i % 7 == 0 ? 0 : 0700) == 0);
        at.reset(::openat(at.get(), "d", O_RDONLY | O_DIRECTORY));
        if (!at) {
            break;  // without root the first closed directory is the bottom
        }
        unique_fd const file{::openat(at.get(), "f", O_CREAT | O_WRONLY, 0)};
    }
    CHECK(remove_tree(dir, "deep"));
    CHECK(names_in(dir).empty());
    CHECK(remove_tree("/tmp", dir.substr(5)));
}

TEST_CASE("removal follows no symlink and knows its own names from planted ones", "[files]") {
    auto const dir = scratch();
    REQUIRE(make_directory(dir + "/tree", 0700) == 0);
    REQUIRE(make_directory(dir + "/kept", 0700) == 0);
    REQUIRE(create_host_file(dir + "/kept/file", "x", 0600, ::getuid(), ::getgid()) == 0);
    REQUIRE(::symlink((dir + "/kept").c_str(), (dir + "/tree/link").c_str()) == 0);
    for (char const* sub : {"/tree/.removed-1", "/tree/.removed-1/a", "/tree/.removed-1/a/b",
                            "/tree/.removed-2", "/tree/.removed-2/x", "/tree/.removed-2/x/y"}) {
        REQUIRE(make_directory(dir + sub, 0700) == 0);
    }
    CHECK(remove_tree(dir, "tree"));
    CHECK(names_in(dir) == std::vector<std::string>{"kept"});
    CHECK(read_host_file(dir + "/kept/file") == "x");
    REQUIRE(::symlink("kept", (dir + "/tree").c_str()) == 0);
    CHECK(remove_tree(dir, "tree"));
    CHECK(path_exists(dir + "/kept/file"));
    CHECK(remove_tree(dir, "absent"));
    CHECK(remove_tree("/tmp", dir.substr(5)));
}
