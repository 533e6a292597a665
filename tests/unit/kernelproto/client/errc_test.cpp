// SPDX-License-Identifier: Apache-2.0
#include "kernelproto/client/errc.hpp"

#include "kernelproto/wire/errc.hpp"
#include "tests/support/catch.hpp"

#include <set>
#include <string>

using namespace kernelproto;

TEST_CASE("every error of client and wire has a sentence of its own", "[client][errc]") {
    std::set<std::string> seen;
    for (int value = 1; value <= static_cast<int>(client_errc::abandoned); ++value) {
        CHECK(seen.insert(client_category().message(value)).second);
    }
    for (int value = 1; value <= static_cast<int>(wire_errc::unsupported_scheme); ++value) {
        CHECK(seen.insert(wire_category().message(value)).second);
    }
    CHECK(seen.count(client_category().message(1000)) == 0);
    CHECK(seen.count(wire_category().message(1000)) == 0);
    boost::system::error_code const code = client_errc::timed_out;
    CHECK(code == client_errc::timed_out);
    CHECK(code != boost::system::error_code(wire_errc::no_delimiter));
}
