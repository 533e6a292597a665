// SPDX-License-Identifier: Apache-2.0
#include "kernelproto/wire/session_id.hpp"

#include "tests/support/catch.hpp"

#include <set>

TEST_CASE("session ids are 32 hex digits and never repeat", "[wire][session_id]") {
    std::set<std::string> seen;
    for (int i = 0; i < 1000; ++i) {
        auto const id = kernelproto::make_session_id();
        REQUIRE(id.size() == 32);
        REQUIRE(id.find_first_not_of("0123456789abcdef") == std::string::npos);
        REQUIRE(seen.insert(id).second);
    }
}
