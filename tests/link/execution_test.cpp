// SPDX-License-Identifier: Apache-2.0
#include "tests/support/kernel_stage.hpp"

using namespace kernelproto;
using namespace tests;

TEST_CASE("a kernel that answers and publishes is ready", "[link][ready]") {
    kernel_stage s;
    auto const info = s.ready();
    REQUIRE(info);
    CHECK(info->implementation == "scripted");
    CHECK(s.failures.empty());
}

TEST_CASE("a cell is heard whole and in order until reply and idle", "[link][execute]") {
    kernel_script what;
    what.on_code["a"] = cell({stream("one "), stream("two "), stream("three "), stream("four")});
    kernel_stage s{what};
    REQUIRE(s.ready());
    auto const end = s.execute("a");
    CHECK(end.cause == end_cause::complete);
    REQUIRE(end.reply);
    CHECK(end.reply->what == execute_reply::status::ok);
    CHECK(s.printed() == "one two three four");
    CHECK(s.driver->counters().invalid == 0);
}
