// SPDX-License-Identifier: Apache-2.0
// What the digest of a root depends on, and what not. One thread.
#include "broker/runtime/image_manifest.hpp"

#include "broker/base/ids.hpp"
#include "tests/support/catch.hpp"

#include <sys/stat.h>

#include <filesystem>
#include <fstream>

using namespace broker;
namespace fs = std::filesystem;

namespace {

struct root {
    fs::path path = fs::temp_directory_path() / ("kb-root-" + make_random_id());
    root() {
        fs::create_directories(path / "usr/bin");
        write("usr/bin/tool", "content");
        fs::create_symlink("usr/bin", path / "bin");
    }
    root(root const&) = delete;
    root& operator=(root const&) = delete;
    ~root() { fs::remove_all(path); }

    void write(std::string const& name, std::string const& text) const {
        std::ofstream(path / name, std::ios::binary) << text;
    }
    std::string digest() const { return *digest_of_root(path); }
};

}  // namespace

TEST_CASE("the same content has the same digest, whenever and in whatever order it was made") {
    root const one;
    one.write("a", "1");
    one.write("b", "2");
    root const two;
    two.write("b", "2");
    two.write("a", "1");
    fs::last_write_time(two.path / "a", fs::file_time_type::min() + std::chrono::hours(1'000'000));
    CHECK(one.digest() == two.digest());
}

TEST_CASE("each property of an entry changes the digest") {
    root const base;
    auto const before = base.digest();
    root const changed;
    REQUIRE(changed.digest() == before);
    SECTION("content of the same size") { changed.write("usr/bin/tool", "Content"); }
    SECTION("mode") { fs::permissions(changed.path / "usr/bin/tool", fs::perms::owner_all); }
    SECTION("setuid bit") {
        fs::permissions(changed.path / "usr/bin/tool", fs::perms::set_uid, fs::perm_options::add);
    }
    SECTION("mode of a directory") { fs::permissions(changed.path / "usr", fs::perms::owner_all); }
    SECTION("name") { fs::rename(changed.path / "usr/bin/tool", changed.path / "usr/bin/loot"); }
    SECTION("place") { fs::rename(changed.path / "usr/bin/tool", changed.path / "usr/tool"); }
    SECTION("target of a symlink") {
        fs::remove(changed.path / "bin");
        fs::create_symlink("usr/sbin", changed.path / "bin");
    }
    SECTION("an empty file more") { changed.write("empty", ""); }
    CHECK(changed.digest() != before);
}

TEST_CASE("a symlink out of the root is not followed") {
    root const one;
    fs::create_symlink(one.path.string() + "-outside", one.path / "out");
    auto const before = one.digest();
    root const outside;
    fs::rename(outside.path, one.path.string() + "-outside");
    CHECK(one.digest() == before);
    fs::remove_all(one.path.string() + "-outside");
}

TEST_CASE("a root with a pipe is refused") {
    root const one;
    REQUIRE(::mkfifo((one.path / "pipe").c_str(), 0600) == 0);
    auto const digest = digest_of_root(one.path);
    REQUIRE(!digest);
    CHECK(digest.error().detail.find("pipe") != std::string::npos);
}
