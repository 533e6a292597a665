// SPDX-License-Identifier: Apache-2.0
#include "broker/runtime/host_files.hpp"
#include "tests/support/catch.hpp"
#include "tests/system/runtime_fixture.hpp"

using test_support::runtime_fixture;

TEST_CASE("a sandbox starts, is what was asked for, and ends without a trace", "[runtime]") {
    runtime_fixture f;
    auto const report = f.runtime().report();
    INFO(report.name << ' ' << report.version << ' ' << report.cgroups);
    for (auto const& p : report.problems) {
        UNSCOPED_INFO(p);
    }
    REQUIRE(report.usable);
    auto const before = test_support::host_lists(f.state_dir());
    auto s = f.spec("tell(open('/proc/self/status').read())");
    auto const text = f.run(s);
    CHECK(text.find("NoNewPrivs:\t1") != std::string::npos);
    CHECK(test_support::host_lists(f.state_dir()) == before);
}
