// SPDX-License-Identifier: Apache-2.0
#include "broker/base/base64.hpp"

#include "tests/support/catch.hpp"

using broker::base64_bytes;

TEST_CASE("the vectors of RFC 4648 become their bytes", "[base][base64]") {
    CHECK(base64_bytes("") == "");
    CHECK(base64_bytes("Zg==") == "f");
    CHECK(base64_bytes("Zm8=") == "fo");
    CHECK(base64_bytes("Zm9v") == "foo");
    CHECK(base64_bytes("Zm9vYg==") == "foob");
    CHECK(base64_bytes("Zm9vYmE=") == "fooba");
    CHECK(base64_bytes("Zm9vYmFy") == "foobar");
    CHECK(base64_bytes("+/8A") == std::string("\xFB\xFF\0", 3));
}

TEST_CASE("line ends are read over, as Python's encoder makes them", "[base][base64]") {
    CHECK(base64_bytes("Zm9v\nYmFy\r\n") == "foobar");
    CHECK(base64_bytes("Zg=\n=\n") == "f");
}

TEST_CASE("what is not base64 gives nothing", "[base][base64]") {
    for (auto const* bad :
         {"Z", "Zg", "Zg=", "Zg===", "Zg==Zg==", "Zm9v ", "Zm9-", "====", "Zm=v"}) {
        CAPTURE(bad);
        CHECK_FALSE(base64_bytes(bad));
    }
}
