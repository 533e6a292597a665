// SPDX-License-Identifier: Apache-2.0
#include "broker/runtime/runtime_finder.hpp"

#include "tests/support/catch.hpp"

using namespace broker;

namespace {

constexpr char const* heading =
    "Inter-|   Receive  |  Transmit\n face |bytes packets|bytes packets\n";

}  // namespace

TEST_CASE("tunnels that every network is given are a problem with a remedy", "[runtime]") {
    auto const with_tunnels = std::string{heading} + "    lo: 1 1\n  sit0: 0 0\n tunl0: 0 0\n";
    auto const problem = tunnel_problem(with_tunnels, "0\n");
    REQUIRE(problem.has_value());
    CHECK_THAT(*problem, Catch::Matchers::ContainsSubstring("sit0, tunl0") &&
                             Catch::Matchers::ContainsSubstring(
                                 "sysctl -w net.core.fb_tunnels_only_for_init_net=2"));
    CHECK_FALSE(tunnel_problem(with_tunnels, "1\n").has_value());
    CHECK_FALSE(tunnel_problem(with_tunnels, "2\n").has_value());
    CHECK_FALSE(tunnel_problem(std::string{heading} + "    lo: 1 1\n  eth0: 1 1\n", "0\n"));
}

TEST_CASE("swap that is not counted is found out on both versions of cgroups", "[runtime]") {
    std::string const no_swap = "Filename\t\t\tType\t\tSize\t\tUsed\t\tPriority\n";
    auto const warned = [&](cgroup_mode mode, bool has_memsw, char const* cmdline) {
        // A host that does not swap has nothing to count.
        CHECK_FALSE(swap_warning(mode, has_memsw, no_swap, cmdline));
        CHECK_FALSE(swap_warning(mode, has_memsw, "", cmdline));
        auto const told =
            swap_warning(mode, has_memsw, no_swap + "/dev/sda2 partition 1 0 -2\n", cmdline);
        CHECK((!told || told->find("swapaccount=1") != std::string::npos));
        return told.has_value();
    };
    CHECK_FALSE(warned(cgroup_mode::v2, false, "quiet\n"));
    CHECK(warned(cgroup_mode::v2, false, "quiet swapaccount=0\n"));
    CHECK_FALSE(warned(cgroup_mode::v1, true, "quiet\n"));
    CHECK(warned(cgroup_mode::v1, false, "quiet\n"));
    CHECK_FALSE(warned(cgroup_mode::hybrid, true, "quiet\n"));
    CHECK(warned(cgroup_mode::hybrid, false, "quiet\n"));
}

TEST_CASE("candidates come in the order they are named, and what is not there is no candidate",
          "[runtime]") {
    auto const found = find_runtimes("/nowhere/crun,sh,/bin/true");
    REQUIRE(found.size() == 2);
    CHECK(found[0].name == "sh");
    CHECK(found[1].path == "/bin/true");
    CHECK(find_runtimes("/nowhere/crun").empty());
}
