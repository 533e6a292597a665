// SPDX-License-Identifier: Apache-2.0
#include "broker/store/state_dir.hpp"

#include "broker/base/ids.hpp"
#include "broker/store/execution_files.hpp"
#include "tests/support/catch.hpp"
#include "tests/support/temporary_directory.hpp"

#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

using namespace broker;
using ::test::temporary_directory;

namespace {

unsigned mode_of(std::string const& path) {
    struct stat info {};
    REQUIRE(::stat(path.c_str(), &info) == 0);
    return info.st_mode & 07777U;
}

wall_time const now{std::chrono::milliseconds{1'709'210'096'007}};

}  // namespace

TEST_CASE("a state directory is made with everything in it private", "[store][state_dir]") {
    temporary_directory const dir;
    std::string const path = dir.path() + "/not/yet/there";
    auto const state = state_dir::open(path + "/", now);
    REQUIRE(state);
    CHECK(state->path() == path);
    CHECK(is_random_id(state->instance()));
    for (auto const& part : {path, state->images(), state->images() + "/names", state->sandboxes(),
                             state->workspaces(), state->results()}) {
        CHECK(mode_of(part) == 0700U);
    }
    CHECK(mode_of(path + "/lock") == 0600U);
    CHECK(mode_of(path + "/instance") == 0600U);
}

TEST_CASE("an installation keeps its id", "[store][state_dir]") {
    temporary_directory const dir;
    std::string first;
    {
        auto const state = state_dir::open(dir.path(), now);
        REQUIRE(state);
        first = state->instance();
    }
    CHECK(state_dir::open(dir.path(), now)->instance() == first);
    temporary_directory const other;
    CHECK(state_dir::open(other.path(), now)->instance() != first);
}

TEST_CASE("an id that was half written is made anew, another content is refused",
          "[store][state_dir]") {
    temporary_directory const dir;
    std::ofstream(dir.path() + "/instance") << "abc";
    CHECK(is_random_id(state_dir::open(dir.path(), now)->instance()));
    std::ofstream(dir.path() + "/instance") << "../../../../../../etc/cgroup";
    auto const refused = state_dir::open(dir.path(), now);
    REQUIRE_FALSE(refused);
    CHECK(refused.error().detail.find("instance") != std::string::npos);
}

TEST_CASE("a second broker is refused and told who holds the directory", "[store][state_dir]") {
    temporary_directory const dir;
    {
        auto const first = state_dir::open(dir.path(), now);
        REQUIRE(first);
        auto const second = state_dir::open(dir.path(), now);
        REQUIRE_FALSE(second);
        CHECK(second.error().detail.find("process " + std::to_string(::getpid()) +
                                         " since 2024-02-29T12:34:56.007Z") != std::string::npos);
    }
    CHECK(state_dir::open(dir.path(), now));
}

TEST_CASE("the lock ends with its process", "[store][state_dir]") {
    temporary_directory const dir;
    pid_t const child = ::fork();
    if (child == 0) {
        ::_exit(state_dir::open(dir.path(), now) ? 0 : 1);
    }
    int status = 0;
    REQUIRE(::waitpid(child, &status, 0) == child);
    CHECK(status == 0);
    CHECK(state_dir::open(dir.path(), now));
}

TEST_CASE("a directory that others could have prepared is refused", "[store][state_dir]") {
    temporary_directory const dir;
    SECTION("writable by others") {
        REQUIRE(::chmod(dir.path().c_str(), 0777) == 0);
        auto const refused = state_dir::open(dir.path(), now);
        REQUIRE_FALSE(refused);
        CHECK(refused.error().detail.find("chmod 700") != std::string::npos);
    }
    SECTION("writable by the group, deeper") {
        REQUIRE(state_dir::open(dir.path(), now));
        REQUIRE(::chmod((dir.path() + "/sandboxes").c_str(), 0770) == 0);
        CHECK_FALSE(state_dir::open(dir.path(), now));
    }
    SECTION("of another user") {
        if (::geteuid() == 0) {
            REQUIRE(::chown(dir.path().c_str(), 65534, 65534) == 0);
            auto const refused = state_dir::open(dir.path(), now);
            REQUIRE_FALSE(refused);
            CHECK(refused.error().detail.find("belongs to user 65534") != std::string::npos);
            REQUIRE(::chown(dir.path().c_str(), 0, 0) == 0);
        }
    }
    SECTION("readable only: it is made private") {
        REQUIRE(::chmod(dir.path().c_str(), 0755) == 0);
        CHECK(state_dir::open(dir.path(), now));
        CHECK(mode_of(dir.path()) == 0700U);
    }
    SECTION("with a link in place of a file") {
        std::filesystem::create_symlink("/dev/null", dir.path() + "/lock");
        CHECK_FALSE(state_dir::open(dir.path(), now));
    }
    SECTION("a file") {
        std::ofstream(dir.path() + "/file") << "x";
        CHECK_FALSE(state_dir::open(dir.path() + "/file", now));
    }
    SECTION("not absolute") { CHECK_FALSE(state_dir::open("state", now)); }
    SECTION("empty") { CHECK_FALSE(state_dir::open("", now)); }
}

TEST_CASE("a large result is kept in a file of its own", "[store][results]") {
    temporary_directory const dir;
    execution_files const files(dir.path());
    auto const id = execution_id::make();
    CHECK(files.read_result(id).error().code == errc::execution_not_found);
    std::string const big(3'000'000, 'x');
    REQUIRE(files.write_result(id, "small"));
    REQUIRE(files.write_result(id, big));
    CHECK(*files.read_result(id) == big);
    CHECK(mode_of(dir.path() + "/" + id.str()) == 0600U);
    files.remove(id);
    files.remove(id);
    CHECK_FALSE(files.read_result(id));
}

TEST_CASE("at the start, files of no execution are removed", "[store][results]") {
    temporary_directory const dir;
    execution_files const files(dir.path());
    auto const kept = execution_id::make();
    auto const gone = execution_id::make();
    REQUIRE(files.write_result(kept, "k"));
    REQUIRE(files.write_result(gone, "g"));
    std::ofstream(dir.path() + "/" + gone.str() + ".new") << "half";
    REQUIRE(files.keep_only({kept}));
    CHECK(files.read_result(kept));
    CHECK(std::distance(std::filesystem::directory_iterator(dir.path()), {}) == 1);
}

TEST_CASE("no id leads out of the directory of results", "[store][results]") {
    temporary_directory const dir;
    std::filesystem::create_directory(dir.path() + "/results");
    std::ofstream(dir.path() + "/secret") << "s";
    execution_files const files(dir.path() + "/results");
    CHECK_FALSE(files.read_result(execution_id("../secret")));
    CHECK_FALSE(files.write_result(execution_id("../secret"), "x"));
    files.remove(execution_id("../secret"));
    CHECK(std::filesystem::exists(dir.path() + "/secret"));
}
