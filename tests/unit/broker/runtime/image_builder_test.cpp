// SPDX-License-Identifier: Apache-2.0
// The builder with stand-ins for apt and unshare first in PATH: what a build leaves, whole or
// broken. Needs root like the builder itself; one thread.
#include "broker/runtime/image_builder.hpp"

#include "broker/base/ids.hpp"
#include "broker/runtime/host_files.hpp"
#include "broker/runtime/image_definition.hpp"
#include "tests/support/catch.hpp"

#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <fstream>

using namespace broker;
namespace fs = std::filesystem;

namespace {

/// `unshare` stands for both helpers: mmdebstrap's call has the root as last but one word, setup's
/// too.
constexpr char const* fake_unshare = R"(#!/bin/sh
last_but_one() { while [ $# -gt 2 ]; do shift; done; echo "$1"; }
root=$(last_but_one "$@")
echo "$*" >>"$LOG"
case "$*" in
*mmdebstrap*) mkdir -p "$root/dev" "$root/etc"; echo "$CONTENT" >"$root/etc/base"; echo node >"$root/dev/null" ;;
*) (cd "$root/.build" && ls . programs) >"$root/etc/seen"; cp "$root/.build/requirements.txt" "$root/etc"; echo "library numpy 2.4.6"; echo "some progress"; exit "$SETUP_STATUS" ;;
esac
)";

std::vector<std::string> sorted_names(fs::path const& directory) {
    auto names = names_in(directory.native());
    std::sort(names.begin(), names.end());
    return names;
}

struct workshop {
    fs::path path = fs::temp_directory_path() / ("kb-builder-" + make_random_id());
    fs::path images = path / "images";
    std::string old_path = ::getenv("PATH");
    std::vector<std::string> lines;

    workshop() {
        fs::create_directories(path / "bin");
        fs::create_directories(path / "python");
        tool("apt-get", "#!/bin/sh\necho 'deb|http://mirror.test/debian/|bookworm|main'\n");
        tool("apt-config", "#!/bin/sh\n");
        tool("unshare", fake_unshare);
        write(path / "python/image.json",
              R"({"name":"python","language":"python","debian_suite":"bookworm",
            "debian_packages":["python3"],"python":"3.11","glibc":"2.36","kernel_argv":["tini"],"kernel_env":["A=b"],
            "kernels":{"bash":["tini","bash"]},"programs":["our-program"]})");
        tool("our-program", "built");
        for (auto const* name : {"requirements.txt", "constraints.txt", "setup", "start",
                                 "start-program", "plots.py"}) {
            write(path / "python" / name, "");
        }
        ::setenv("PATH", ((path / "bin").native() + ":" + old_path).c_str(), 1);
        ::setenv("LOG", (path / "log").c_str(), 1);
        content("first", 0);
        have_wheels({});
    }
    /// The wheels are there already, so that nothing is fetched.
    void have_wheels(image_variant const& variant) const {
        auto const definition = read_image_definition(path / "python", variant, find_program());
        REQUIRE(definition.has_value());
        fs::create_directories(images / "wheels" / wheels_name(*definition));
    }
    workshop(workshop const&) = delete;
    workshop& operator=(workshop const&) = delete;
    ~workshop() {
        ::setenv("PATH", old_path.c_str(), 1);
        fs::remove_all(path);
    }

    static void write(fs::path const& to, std::string const& text) {
        std::ofstream(to, std::ios::binary) << text;
    }
    void tool(std::string const& name, std::string const& text) const {
        write(path / "bin" / name, text);
        fs::permissions(path / "bin" / name, fs::perms(0755));
    }
    static void content(char const* text, int setup_status) {
        ::setenv("CONTENT", text, 1);
        ::setenv("SETUP_STATUS", std::to_string(setup_status).c_str(), 1);
    }
    result<image_build> build(bool again = false, image_variant const& variant = {}) {
        return image_builder(
                   images, [&](std::string_view line) { lines.emplace_back(line); }, find_program())
            .build(path / "python", again, variant);
    }
    program_finder find_program() const {
        return [bin = path / "bin"](std::string const& name) {
            return bin / name;
        };
    }
    std::vector<std::string> seen() const { return sorted_names(images); }
};

}  // namespace

TEST_CASE("a build leaves one image under its digest and name, and nothing else") {
    if (::geteuid() != 0) {
        return;
    }
    workshop shop;
    auto const made = shop.build();
    REQUIRE(made.has_value());
    auto const& one = made->built;
    CHECK_FALSE(made->reused);
    CHECK(shop.seen() == std::vector<std::string>{".lock", one.digest, "names", "wheels"});
    CHECK(sorted_names(one.rootfs) == std::vector<std::string>{"dev", "etc"});
    CHECK(sorted_names(one.rootfs / "dev").empty());
    CHECK(sorted_names(shop.images / one.digest) ==
          std::vector<std::string>{"image.json", "rootfs"});
    CHECK(one.libraries == std::map<std::string, std::string>{{"numpy", "2.4.6"}});
    CHECK(one.base == "Debian bookworm, Python 3.11");
    auto const found = image_store(shop.images).find("python");
    REQUIRE(found.has_value());
    CHECK(found->digest == one.digest);
    CHECK(found->kernel_env == std::vector<std::string>{"A=b"});
    CHECK(found->languages() == "python, bash");
    CHECK(image_store(shop.images).verify(*found).has_value());
    CHECK(std::find(shop.lines.begin(), shop.lines.end(), "some progress") != shop.lines.end());
}

TEST_CASE("a build with nothing changed does nothing, unless it is asked to build again") {
    if (::geteuid() != 0) {
        return;
    }
    workshop shop;
    auto const first = shop.build();
    REQUIRE(first.has_value());
    shop.content("second", 0);
    auto const same = shop.build();
    REQUIRE(same.has_value());
    CHECK(same->reused);
    CHECK(same->built.digest == first->built.digest);
    auto const fresh = shop.build(true);
    REQUIRE(fresh.has_value());
    CHECK_FALSE(fresh->reused);
    CHECK(fresh->built.digest != first->built.digest);
    CHECK(image_store(shop.images).find("python")->digest == fresh->built.digest);
    CHECK(image_store(shop.images).open(first->built.digest).has_value());
}

TEST_CASE("another definition with the same content keeps the root and renews its description") {
    if (::geteuid() != 0) {
        return;
    }
    workshop shop;
    auto const first = shop.build();
    REQUIRE(first.has_value());
    workshop::write(shop.path / "python/start", "# changed");
    auto const second = shop.build();
    REQUIRE(second.has_value());
    CHECK_FALSE(second->reused);
    CHECK(second->built.digest == first->built.digest);
    CHECK(image_store(shop.images).find("python")->inputs != first->built.inputs);
    CHECK(shop.build()->reused);
}

TEST_CASE("a program of ours is put beside setup, and built anew it is another image") {
    if (::geteuid() != 0) {
        return;
    }
    workshop shop;
    auto const first = shop.build();
    REQUIRE(first.has_value());
    std::ifstream file(first->built.rootfs / "etc/seen");
    std::string const seen{std::istreambuf_iterator<char>(file), {}};
    CHECK(seen.find("our-program") != std::string::npos);
    CHECK(shop.build()->reused);
    shop.tool("our-program", "built anew");
    CHECK_FALSE(shop.build()->reused);
    fs::remove(shop.path / "bin/our-program");
    CHECK(shop.build().error().detail.find("our-program") != std::string::npos);
}

TEST_CASE("two lists of libraries give two images, and each is built once") {
    if (::geteuid() != 0) {
        return;
    }
    workshop shop;
    auto const usual = shop.build();
    REQUIRE(usual.has_value());
    image_variant const small{"python-small", shop.path / "small.txt"};
    workshop::write(small.requirements, "a shorter list");
    shop.have_wheels(small);
    auto const other = shop.build(false, small);
    REQUIRE(other.has_value());
    CHECK(other->built.digest != usual->built.digest);
    std::string text;
    std::getline(std::ifstream(other->built.rootfs / "etc/requirements.txt"), text);
    CHECK(text == "a shorter list");
    image_store const store(shop.images);
    CHECK(store.find("python")->digest == usual->built.digest);
    CHECK(store.find("python-small")->digest == other->built.digest);
    CHECK(shop.build()->reused);
    CHECK(shop.build(false, small)->reused);
}

TEST_CASE("content that is an image already gets no second name") {
    if (::geteuid() != 0) {
        return;
    }
    workshop shop;
    auto const first = shop.build();
    REQUIRE(first.has_value());
    shop.have_wheels({.name = "second", .requirements = {}});
    auto const second = shop.build(false, {.name = "second", .requirements = {}});
    REQUIRE(!second.has_value());
    CHECK(second.error().detail.find("image \"python\"") != std::string::npos);
    CHECK(image_store(shop.images).find("python")->digest == first->built.digest);
    CHECK_FALSE(image_store(shop.images).find("second").has_value());
}

TEST_CASE("a build that fails leaves the last image in its place and no rest") {
    if (::geteuid() != 0) {
        return;
    }
    workshop shop;
    auto const first = shop.build();
    REQUIRE(first.has_value());
    shop.content("second", 7);
    auto const failed = shop.build(true);
    REQUIRE(!failed.has_value());
    CHECK(failed.error().detail.find("status 7") != std::string::npos);
    CHECK(failed.error().detail.find("some progress") != std::string::npos);
    CHECK(shop.seen() == std::vector<std::string>{".lock", first->built.digest, "names", "wheels"});
    CHECK(image_store(shop.images).find("python")->digest == first->built.digest);
}

TEST_CASE("what an interrupted build left is no image and goes with the next build") {
    if (::geteuid() != 0) {
        return;
    }
    workshop shop;
    fs::create_directories(shop.images / ".making-abc/image/rootfs");
    workshop::write(shop.images / ".making-abc/image/image.json", "{}");
    CHECK(image_store(shop.images).list().empty());
    auto const made = shop.build();
    REQUIRE(made.has_value());
    CHECK(shop.seen() == std::vector<std::string>{".lock", made->built.digest, "names", "wheels"});
}

TEST_CASE("a host whose apt knows no such suite is told, and nothing is left") {
    if (::geteuid() != 0) {
        return;
    }
    workshop shop;
    shop.tool("apt-get", "#!/bin/sh\necho 'deb|http://mirror.test/debian/|trixie|main'\n");
    auto const made = shop.build();
    REQUIRE(!made.has_value());
    CHECK(made.error().detail.find("no source for Debian bookworm") != std::string::npos);
    CHECK(shop.seen() == std::vector<std::string>{".lock", "names", "wheels"});
}
