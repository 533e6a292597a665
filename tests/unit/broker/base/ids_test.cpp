// SPDX-License-Identifier: Apache-2.0
#include "broker/base/ids.hpp"

#include "tests/support/catch.hpp"

#include <set>

TEST_CASE("random ids have the shape that clients rely on and do not repeat", "[base][ids]") {
    std::set<std::string> seen;
    for (int i = 0; i < 1000; ++i) {
        auto const id = broker::make_random_id();
        REQUIRE(broker::is_random_id(id));
        REQUIRE(seen.insert(id).second);
    }
}

TEST_CASE("what is not one of our ids is told apart", "[base][ids]") {
    CHECK_FALSE(broker::is_random_id(""));
    CHECK_FALSE(broker::is_random_id("alice"));
    CHECK_FALSE(broker::is_random_id("../../../../etc/passw"));
    CHECK_FALSE(broker::is_random_id(broker::make_random_id() + "x"));
}
