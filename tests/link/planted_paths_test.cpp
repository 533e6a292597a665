// SPDX-License-Identifier: Apache-2.0
// The socket directory is writable for code that is not trusted. Whatever lies at one of the five
// paths, nothing but a socket of the kernel's own user is ever connected to.
#include "kernelproto/link/link_errc.hpp"
#include "kernelproto/link/socket_file.hpp"
#include "tests/support/canary.hpp"
#include "tests/support/kernel_stage.hpp"

#include <fcntl.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include <fstream>

using namespace kernelproto;
using namespace tests;

namespace {

enum class plant { link_to_socket, link_to_nothing, fifo, regular_file, directory, foreign_socket };

/// Puts it at `path`; nothing when this user cannot make it.
std::optional<canary> put(plant what, std::string const& path, std::string const& elsewhere) {
    std::filesystem::remove(path);
    switch (what) {
        case plant::link_to_socket:
            REQUIRE(::symlink(elsewhere.c_str(), path.c_str()) == 0);
            return std::optional<canary>{std::in_place, elsewhere};
        case plant::link_to_nothing:
            REQUIRE(::symlink("/nowhere/at/all", path.c_str()) == 0);
            break;
        case plant::fifo:
            REQUIRE(::mkfifo(path.c_str(), 0600) == 0);
            break;
        case plant::regular_file:
            std::ofstream{path} << "x";
            break;
        case plant::directory:
            std::filesystem::create_directory(path);
            break;
        case plant::foreign_socket: {
            std::optional<canary> there{std::in_place, path};
            if (::chown(path.c_str(), ::geteuid() + 1, ::getegid()) != 0) {
                WARN("a foreign owner needs the right to chown");
                return std::nullopt;
            }
            return there;
        }
    }
    return std::optional<canary>{std::in_place, elsewhere};
}

}  // namespace

TEST_CASE("a planted path is refused before the first connect", "[link][hostile][plant]") {
    auto const what = GENERATE(plant::link_to_socket, plant::link_to_nothing, plant::fifo,
                               plant::regular_file, plant::directory, plant::foreign_socket);
    auto const number = GENERATE(1, 2, 3, 4, 5);
    kernel_stage s;
    auto const bird = put(what, s.path(number), s.directory() + "/canary");
    if (!bird) {
        return;
    }
    CHECK(s.ready().error() == client_errc::unreachable);
    REQUIRE(s.failures.size() == 1);
    CHECK(s.failures[0].first == link_failure::refused);
    CHECK(s.failures[0].second.find("k-" + std::to_string(number) + ": ") == 0);
    CHECK(bird->connections() == 0);
}

TEST_CASE("a path planted while the kernel ran is refused before adoption",
          "[link][hostile][plant]") {
    auto const what =
        GENERATE(plant::link_to_socket, plant::fifo, plant::regular_file, plant::foreign_socket);
    auto const number = GENERATE(1, 2, 3, 4, 5);
    kernel_stage s;
    REQUIRE(s.ready());
    auto const bird = put(what, s.path(number), s.directory() + "/canary");
    if (!bird) {
        return;
    }
    s.renew();
    CHECK(s.adopt().error() == client_errc::unreachable);
    REQUIRE(s.failures.size() == 1);
    CHECK(s.failures[0].first == link_failure::refused);
    CHECK(bird->connections() == 0);
}

TEST_CASE("a want of descriptors is not said to be the kernel's fault, and another try succeeds",
          "[link]") {
    kernel_stage s;
    REQUIRE(s.ready());
    s.renew();
    rlimit before{};
    REQUIRE(getrlimit(RLIMIT_NOFILE, &before) == 0);
    auto const next = ::fcntl(s.fd(), F_DUPFD_CLOEXEC, 0);
    ::close(next);
    // None for the first socket's path, or none for the look whether somebody listens there. Not
    // more: the kernel of this test lives in this process, and would want one for each connection.
    auto const left = GENERATE(as<rlim_t>{}, 0, 1);
    rlimit const tight{static_cast<rlim_t>(next) + left, before.rlim_max};
    REQUIRE(setrlimit(RLIMIT_NOFILE, &tight) == 0);
    auto const refused = s.adopt();
    REQUIRE(setrlimit(RLIMIT_NOFILE, &before) == 0);
    CHECK(refused.error() == client_errc::unreachable);
    REQUIRE(s.failures.size() == 1);
    CHECK(s.failures[0].first == link_failure::no_resources);
    s.renew();
    CHECK(s.adopt());
}

TEST_CASE("what was checked is what is connected to, whatever becomes of the path",
          "[link][hostile][plant]") {
    stage s;
    canary const own{s.path(1)};
    auto const file = open_socket_file(s.fd(), "k-1", ::geteuid());
    REQUIRE(file);
    std::filesystem::rename(s.path(1), s.directory() + "/moved");
    canary const other{s.path(1)};
    CHECK(probe_socket_file(*file).has_value());
    CHECK(own.connections() == 1);
    CHECK(other.connections() == 0);
}

TEST_CASE("paths that are exchanged while the kernel starts are refused or do not matter",
          "[link][hostile][plant]") {
    auto const there_at_first = GENERATE(1, 2, 3, 4, 5);
    kernel_stage s;
    for (int n = there_at_first + 1; n <= 5; ++n) {
        std::filesystem::rename(s.path(n), s.path(n) + ".later");
    }
    canary const bird{s.directory() + "/canary"};
    s.on_first_socket = [&] {
        for (int n = 1; n <= 5; ++n) {
            std::error_code ignored;
            std::filesystem::rename(s.path(n), s.path(n) + ".moved", ignored);
            std::filesystem::create_symlink(s.directory() + "/canary", s.path(n));
        }
    };
    s.renew();
    auto const info = s.ready();
    CHECK(info.has_value() == (there_at_first == 5));
    if (!info) {
        CHECK(info.error() == client_errc::unreachable);
        REQUIRE(s.failures.size() == 1);
        CHECK(s.failures[0].first == link_failure::refused);
    }
    CHECK(bird.connections() == 0);
}

TEST_CASE("nobody connects again after the kernel died, to its paths or to its descriptors",
          "[link][hostile][plant]") {
    kernel_script what;
    what.on_code["a"] = {busy(), die{}};
    kernel_stage s{what};
    std::vector<canary> birds;
    for (int n = 1; n <= 5; ++n) {
        birds.emplace_back(s.path(n) + ".bird");
    }
    REQUIRE(s.ready());  // the descriptors of the sockets are let go
    std::optional<end_cause> how;
    boost::asio::co_spawn(s.loop(), s.running("a"),
                          [&](std::exception_ptr, execution_end const& end) { how = end.cause; });
    s.loop().restart();
    s.loop().poll();
    s.kernel.reset();
    std::vector<owned_fd> numbers;  // /proc/self/fd/N of before leads to a bird now
    for (int n = 1; n <= 5; ++n) {
        std::filesystem::rename(s.path(n) + ".bird", s.path(n));
        for (int i = 0; i < 20; ++i) {
            numbers.emplace_back(::open(s.path(n).c_str(), O_PATH | O_CLOEXEC));
        }
    }
    REQUIRE(s.until([&] { return how.has_value(); }));
    CHECK(how == end_cause::unreachable);
    for (auto const& bird : birds) {
        CHECK(bird.connections() == 0);
    }
}

TEST_CASE("names that leave the directory are refused", "[link][hostile][plant]") {
    stage s;
    canary const bird{s.path(1)};
    std::filesystem::create_directory(s.directory() + "/below");
    owned_fd const below{::open((s.directory() + "/below").c_str(), O_PATH | O_DIRECTORY)};
    CHECK(open_socket_file(below.get(), "../k-1", ::geteuid()).error() == link_errc::escapes);
    CHECK(open_socket_file(below.get(), s.path(1), ::geteuid()).error() == link_errc::escapes);
    std::filesystem::create_directory_symlink(s.directory(), s.directory() + "/below/up");
    CHECK(open_socket_file(below.get(), "up/k-1", ::geteuid()).error() == link_errc::escapes);
    CHECK(open_socket_file(below.get(), "k-1", ::geteuid()).error() == link_errc::missing);
    CHECK(bird.connections() == 0);
}
