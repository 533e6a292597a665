// SPDX-License-Identifier: Apache-2.0
#include "broker/client/retry_pauses.hpp"

#include "tests/support/catch.hpp"

using namespace std::chrono_literals;

TEST_CASE("pauses grow for about half a minute, and begin anew after a success",
          "[client][retry]") {
    broker::client::retry_pauses pauses;
    auto sum = 0ms;
    auto last = 0ms;
    while (auto const pause = pauses.next()) {
        CHECK(*pause >= last);
        last = *pause;
        sum += *pause;
    }
    CHECK(sum > 25s);
    CHECK(sum < 35s);
    CHECK_FALSE(pauses.next());
    pauses.on_success();
    CHECK(pauses.next() == 100ms);
}
