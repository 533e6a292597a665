// SPDX-License-Identifier: Apache-2.0
// The helper programs of a build, with small shell commands in their place. One thread.
#include "broker/runtime/image_process.hpp"

#include "tests/support/catch.hpp"

#include <sys/wait.h>

#include <cerrno>
#include <chrono>

using namespace broker;

namespace {

std::vector<std::string> shell(std::string const& script) { return {"/bin/sh", "-c", script}; }

}  // namespace

TEST_CASE("lines of output and of errors arrive in their order, long ones in parts") {
    std::vector<std::string> lines;
    auto const sink = [&](std::string_view line) {
        lines.emplace_back(line);
    };
    REQUIRE(
        run_process(shell("echo one; echo two >&2; printf 'three\\r\\nfour'"), sink).has_value());
    CHECK(lines == std::vector<std::string>{"one", "two", "three", "four"});
    lines.clear();
    REQUIRE(run_process(shell("head -c 10000 /dev/zero | tr '\\0' x"), sink).has_value());
    CHECK(lines.size() == 3);
}

TEST_CASE("a failure tells the program, the status and its last lines") {
    auto const done =
        run_process(shell("for i in $(seq 50); do echo line $i; done; exit 3"), nullptr);
    REQUIRE(!done.has_value());
    CHECK(done.error().detail.find("/bin/sh failed with status 3") == 0);
    CHECK(done.error().detail.find("line 50") != std::string::npos);
    CHECK(done.error().detail.find("line 30\n") == std::string::npos);
    CHECK(run_process(shell("kill -9 $$"), nullptr).error().detail.find("signal 9") !=
          std::string::npos);
    CHECK(run_process({"no-such-program"}, nullptr).error().detail.find("not installed") !=
          std::string::npos);
}

TEST_CASE("standard input is empty, and the output can be had as one text") {
    CHECK(*process_output(shell("cat; echo done")) == "done\n");
}

TEST_CASE("a process that nobody waits for is killed with its object") {
    auto const begin = std::chrono::steady_clock::now();
    {
        auto started = image_process::start(shell("exec sleep 1000"));
        REQUIRE(started.has_value());
        auto moved = std::move(*started);
    }
    CHECK(::waitpid(-1, nullptr, WNOHANG) == -1);
    CHECK(errno == ECHILD);
    CHECK(std::chrono::steady_clock::now() - begin < std::chrono::seconds(100));
}
