// SPDX-License-Identifier: Apache-2.0
#include "http/proto/base64url.hpp"

#include "tests/support/base64url.hpp"
#include "tests/support/catch.hpp"

using http::decode_base64url;

TEST_CASE("base64url is read without padding", "[http][base64url]") {
    // RFC 4648 §10, and the letters that base64 spells differently.
    CHECK(decode_base64url("") == "");
    CHECK(decode_base64url("Zg") == "f");
    CHECK(decode_base64url("Zm8") == "fo");
    CHECK(decode_base64url("Zm9v") == "foo");
    CHECK(decode_base64url("Zm9vYg") == "foob");
    CHECK(decode_base64url("-_8") == "\xfb\xff");
    std::string all;
    for (int i = 0; i < 256; ++i) {
        all += static_cast<char>(i);
        CHECK(decode_base64url(test::base64url(all)) == all);
    }
}

TEST_CASE("a second spelling of the same bytes is refused", "[http][base64url]") {
    for (std::string const bad : {"Z", "Zm9vY", "Zg==", "Zg=", "Zm8=", "Zh", "Zm9", "Zm 9v", " Zg",
                                  "Zg\n", "+/8", "Zm9v.", "Zm9v\xc3\xa9"}) {
        INFO(bad);
        CHECK_FALSE(decode_base64url(bad));
    }
    CHECK_FALSE(decode_base64url(std::string_view{"Zg\0\0", 4}));
}
