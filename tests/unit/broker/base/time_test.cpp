// SPDX-License-Identifier: Apache-2.0
#include "broker/base/time.hpp"

#include "tests/support/catch.hpp"

#include <cmath>

using broker::from_rfc3339;
using broker::to_rfc3339;
using broker::wall_time;
using namespace std::chrono_literals;

TEST_CASE("wall time is shown in UTC with milliseconds", "[base][time]") {
    CHECK(to_rfc3339(wall_time{}) == "1970-01-01T00:00:00.000Z");
    CHECK(to_rfc3339(wall_time{1709210096007ms}) == "2024-02-29T12:34:56.007Z");
    CHECK(to_rfc3339(wall_time{-1ms}) == "1969-12-31T23:59:59.999Z");
}

TEST_CASE("a time that was written is read back the same", "[base][time]") {
    for (auto const at : {0ms, 1ms, 951782400000ms, 1709210096007ms, 4102444799999ms, -1ms}) {
        CHECK(from_rfc3339(to_rfc3339(wall_time{at})) == wall_time{at});
    }
}

TEST_CASE("what is not a time in our own form is refused", "[base][time]") {
    for (auto const* text :
         {"", "2024-02-29T12:34:56Z", "2024-02-29T12:34:56.007+00:00", "2023-02-29T00:00:00.000Z",
          "2024-13-01T00:00:00.000Z", "2024-00-01T00:00:00.000Z", "2024-01-01T24:00:00.000Z",
          "2024-01-01T00:60:00.000Z", "2024-01-01T00:00:60.000Z", "2024-01-01 00:00:00.000Z",
          "2024-01-01T00:00:00.00-Z", "-024-01-01T00:00:00.000Z", "2024-01-01T00:00:00,000Z",
          "2024-01-01T00:00:00.000Zx", "+024-01-01T00:00:00.000Z"}) {
        CAPTURE(text);
        CHECK_FALSE(from_rfc3339(text));
    }
}

TEST_CASE("seconds of any size become a duration without overflow", "[base][time]") {
    CHECK(broker::steady_seconds(0.25) == 250ms);
    CHECK(broker::wall_seconds(1.5) == 1500ms);
    CHECK(broker::steady_seconds(std::nan("")) == 0ns);
    CHECK(broker::steady_seconds(1e300) > 24h * 365);
    CHECK(broker::wall_seconds(-1e300) < -24h * 365);
}
