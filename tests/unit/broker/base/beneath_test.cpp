// SPDX-License-Identifier: Apache-2.0
#include "broker/base/beneath.hpp"

#include "tests/support/catch.hpp"
#include "tests/support/temporary_directory.hpp"

#include <sys/socket.h>
#include <sys/sysmacros.h>
#include <sys/un.h>

#include <cerrno>
#include <vector>

namespace beneath = broker::beneath;
using broker::unique_fd;
using test::read_all;

namespace {

/// A session's directory next to what it must never reach.
struct planted {
    test::temporary_directory outside;
    unique_fd root;
    unique_fd staging;
    uid_t const me = getuid();

    planted() {
        outside.write("canary", "secret");
        outside.make("data");
        outside.make("staging");
        root.reset(openat(outside.fd(), "data", O_PATH | O_DIRECTORY | O_CLOEXEC));
        staging.reset(openat(outside.fd(), "staging", O_PATH | O_DIRECTORY | O_CLOEXEC));
        REQUIRE((root && staging));
    }

    int open_error(std::string const& path) const {
        auto const opened = beneath::open_file(root.get(), path, me);
        return opened ? 0 : opened.error().value();
    }
    unique_fd nameless(std::string const& bytes) const {
        auto made = beneath::nameless_file(staging.get(), me);
        REQUIRE(made.has_value());
        REQUIRE(write(made->get(), bytes.data(), bytes.size()) ==
                static_cast<ssize_t>(bytes.size()));
        return std::move(*made);
    }
    int put(std::string const& bytes, std::string const& name,
            beneath::if_exists rule = beneath::if_exists::replace) const {
        auto const done =
            beneath::give_name(nameless(bytes).get(), root.get(), name, staging.get(), rule);
        return done ? 0 : done.error().value();
    }
    bool staging_is_empty() const { return rmdir((outside / "staging").c_str()) == 0; }
};

}  // namespace

TEST_CASE("a regular file of the session is opened at any depth", "[base][beneath]") {
    planted p;
    p.outside.write("data/file", "one");
    p.outside.make("data/d");
    p.outside.make("data/d/e");
    p.outside.write("data/d/e/f", "two");
    CHECK(read_all(beneath::open_file(p.root.get(), "file", p.me)->get()) == "one");
    CHECK(read_all(beneath::open_file(p.root.get(), "d/e/f", p.me)->get()) == "two");
}

TEST_CASE("every planted way out looks like a file that is not there", "[base][beneath]") {
    planted p;
    p.outside.link("../canary", "data/relative");
    p.outside.link(p.outside / "canary", "data/absolute");
    p.outside.link("..", "data/up");
    p.outside.link("/proc/self/root", "data/magic");
    p.outside.write("data/real", "x");
    p.outside.link("real", "data/sibling");
    for (auto const* path : {"relative", "absolute", "up/canary", "magic/etc/passwd", "sibling",
                             "missing", "real/below", "data/missing/file"}) {
        CAPTURE(path);
        CHECK(p.open_error(path) == ENOENT);
    }
    CHECK(p.open_error(std::string(300, 'a')) == ENOENT);
}

TEST_CASE("paths that are not plain are refused before the kernel sees them", "[base][beneath]") {
    planted p;
    p.outside.write("data/file", "x");
    for (std::string const path :
         {"", ".", "..", "../canary", "/etc/passwd", "./file", "a/../file", "file/", "a//file"}) {
        CAPTURE(path);
        CHECK(p.open_error(path) == EINVAL);
        CHECK(beneath::remove_file(p.root.get(), path, p.me).error().value() == EINVAL);
        CHECK(beneath::make_parent(p.root.get(), path, p.me).has_error());
    }
    CHECK(p.open_error(std::string("file\0x", 6)) == EINVAL);
}

TEST_CASE("FIFOs, directories, sockets and devices are not files and block nobody",
          "[base][beneath]") {
    planted p;
    REQUIRE(mkfifo((p.outside / "data/fifo").c_str(), 0644) == 0);
    p.outside.make("data/directory");
    unique_fd const listener{socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0)};
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    (p.outside / "data/socket").copy(address.sun_path, sizeof address.sun_path - 1);
    REQUIRE(bind(listener.get(), reinterpret_cast<sockaddr*>(&address), sizeof address) == 0);
    std::vector<std::string> names{"fifo", "directory", "socket"};
    if (mknod((p.outside / "data/device").c_str(), S_IFCHR | 0666, makedev(1, 3)) == 0) {
        names.emplace_back("device");
    }
    for (auto const& name : names) {
        CAPTURE(name);
        CHECK(p.open_error(name) == ENOENT);
        auto const mode = p.outside.kind("data/" + name);
        CHECK(beneath::remove_file(p.root.get(), name, p.me).error().value() == ENOENT);
        CHECK(p.outside.kind("data/" + name) == mode);
    }
}

TEST_CASE("another owner's file is not given out, by whatever name", "[base][beneath]") {
    planted p;
    p.outside.write("data/mine", "x");
    CHECK(beneath::open_file(p.root.get(), "mine", p.me + 1).error().value() == ENOENT);
    CHECK(beneath::remove_file(p.root.get(), "mine", p.me + 1).error().value() == ENOENT);
    CHECK(p.open_error("mine") == 0);
}

TEST_CASE("a file on another mount is out of reach", "[base][beneath]") {
    unique_fd const root{open("/", O_PATH | O_DIRECTORY | O_CLOEXEC)};
    CHECK(beneath::open_file(root.get(), "proc/version", 0).error().value() == ENOENT);
}

TEST_CASE("removing takes the file and leaves what a symlink points to", "[base][beneath]") {
    planted p;
    p.outside.write("data/file", "x");
    p.outside.link("../canary", "data/link");
    CHECK(beneath::remove_file(p.root.get(), "file", p.me).has_value());
    CHECK(p.outside.kind("data/file") == 0);
    CHECK(beneath::remove_file(p.root.get(), "file", p.me).error().value() == ENOENT);
    CHECK(beneath::remove_file(p.root.get(), "link", p.me).error().value() == ENOENT);
    CHECK(p.outside.read("canary") == "secret");
}

TEST_CASE("missing folders are made for the session and kept ones are left alone",
          "[base][beneath]") {
    planted p;
    p.outside.make("data/a");
    auto const parent = beneath::make_parent(p.root.get(), "a/b/c/file", p.me);
    REQUIRE(parent.has_value());
    CHECK(p.outside.kind("data/a/b/c") == S_IFDIR);
    CHECK(p.outside.kind("data/a/b/c/file") == 0);
    struct stat status {};
    REQUIRE(fstat(parent->get(), &status) == 0);
    CHECK(status.st_uid == p.me);
}

TEST_CASE("folders are not made through a symlink or a file", "[base][beneath]") {
    planted p;
    p.outside.link("..", "data/up");
    p.outside.write("data/file", "x");
    CHECK(beneath::make_parent(p.root.get(), "up/new/file", p.me).has_error());
    CHECK(beneath::make_parent(p.root.get(), "file/new/file", p.me).has_error());
    CHECK(p.outside.kind("new") == 0);
}

TEST_CASE("an upload takes the place of a file, symlink or FIFO and touches no target",
          "[base][beneath]") {
    planted p;
    p.outside.write("data/file", "old");
    p.outside.link("../canary", "data/link");
    REQUIRE(mkfifo((p.outside / "data/fifo").c_str(), 0644) == 0);
    for (auto const* name : {"file", "link", "fifo", "fresh"}) {
        CAPTURE(name);
        CHECK(p.put("new", name) == 0);
        CHECK(p.outside.kind(std::string("data/") + name) == S_IFREG);
        CHECK(p.outside.read(std::string("data/") + name) == "new");
    }
    CHECK(p.outside.read("canary") == "secret");
    CHECK(p.staging_is_empty());
}

TEST_CASE("an upload does not take the place of a directory", "[base][beneath]") {
    planted p;
    p.outside.make("data/directory");
    CHECK(p.put("new", "directory") == EISDIR);
    CHECK(p.outside.kind("data/directory") == S_IFDIR);
    CHECK(p.staging_is_empty());
}

TEST_CASE("a name that must be new is refused when anything bears it", "[base][beneath]") {
    planted p;
    p.outside.link("../nowhere", "data/dangling");
    CHECK(p.put("new", "dangling", beneath::if_exists::refuse) == EEXIST);
    CHECK(p.put("new", "fresh", beneath::if_exists::refuse) == 0);
    CHECK(p.put("newer", "fresh", beneath::if_exists::refuse) == EEXIST);
    CHECK(p.outside.read("data/fresh") == "new");
    CHECK(p.outside.kind("nowhere") == 0);
}

TEST_CASE("exactly the file that was looked at is replaced, or nothing", "[base][beneath]") {
    planted p;
    p.outside.write("data/file", "one");
    auto const seen = beneath::open_file(p.root.get(), "file", p.me);
    auto const replace = [&](std::string const& bytes) {
        auto const done = beneath::replace_exactly(p.nameless(bytes).get(), p.root.get(), "file",
                                                   p.staging.get(), seen->get());
        return done ? 0 : done.error().value();
    };
    CHECK(replace("two") == 0);
    CHECK(p.outside.read("data/file") == "two");
    CHECK(replace("three") == ESTALE);
    CHECK(p.outside.read("data/file") == "two");
    REQUIRE(unlink((p.outside / "data/file").c_str()) == 0);
    CHECK(replace("four") == ENOENT);
    CHECK(p.outside.kind("data/file") == 0);
    p.outside.make("data/file");
    CHECK(replace("five") == ESTALE);
    CHECK(p.outside.kind("data/file") == S_IFDIR);
    CHECK(p.staging_is_empty());
}

TEST_CASE("a dropped upload leaves nothing", "[base][beneath]") {
    planted p;
    { auto const dropped = p.nameless("half"); }
    CHECK(p.staging_is_empty());
    CHECK(rmdir((p.outside / "data").c_str()) == 0);
}
