// SPDX-License-Identifier: Apache-2.0
#include "kernelproto/wire/signer.hpp"

#include "tests/support/catch.hpp"

#include <array>
#include <string>

using kernelproto::signer;

namespace {

using four = std::array<std::string_view, 4>;

}  // namespace

TEST_CASE("the signature is HMAC-SHA256 in lowercase hex", "[wire][signer]") {
    // RFC 4231, test case 2.
    signer keys("Jefe");
    CHECK(keys.sign(four{"what do ya want ", "for ", "nothing?", ""}) ==
          "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
}

TEST_CASE("one keyed context signs many messages alike", "[wire][signer]") {
    signer keys("key");
    auto const first = keys.sign(four{"a", "b", "c", "d"});
    CHECK(keys.sign(four{"other", "", "", ""}) != first);
    CHECK(keys.sign(four{"a", "b", "c", "d"}) == first);
}

TEST_CASE("a key of any length and any bytes is taken as it is", "[wire][signer]") {
    // RFC 4231, test case 6: a key longer than one block of the hash.
    signer keys(std::string(131, '\xaa'));
    CHECK(keys.sign(four{"Test Using Larger Than Block-Size Key - Hash Key First", "", "", ""}) ==
          "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54");
    CHECK_NOTHROW(signer(std::string("\0x", 2)));
}

TEST_CASE("an empty key is refused, as it would switch signing off", "[wire][signer]") {
    CHECK_THROWS_AS(signer(""), std::invalid_argument);
}

TEST_CASE("only the whole right signature is accepted", "[wire][signer]") {
    signer keys("key");
    four const message{"h", "p", "m", "c"};
    auto const good = keys.sign(message);
    REQUIRE(keys.verify(message, good));

    SECTION("length comes first: shorter and longer ones are not compared") {
        CHECK_FALSE(keys.verify(message, ""));
        for (std::size_t length = 0; length < good.size(); ++length) {
            CHECK_FALSE(keys.verify(message, std::string(good.data(), length)));
        }
        CHECK_FALSE(keys.verify(message, good + "0"));
        CHECK_FALSE(keys.verify(message, good + good));
    }
    SECTION("every single byte counts") {
        for (std::size_t i = 0; i < good.size(); ++i) {
            auto wrong = good;
            wrong[i] = wrong[i] == '0' ? '1' : '0';
            CHECK_FALSE(keys.verify(message, wrong));
        }
    }
    SECTION("uppercase hex is another signature") {
        auto upper = good;
        for (auto& c : upper) {
            c = static_cast<char>(c >= 'a' ? c - 'a' + 'A' : c);
        }
        CHECK_FALSE(keys.verify(message, upper));
    }
    SECTION("every part is covered, and in its order") {
        CHECK_FALSE(keys.verify(four{"x", "p", "m", "c"}, good));
        CHECK_FALSE(keys.verify(four{"h", "x", "m", "c"}, good));
        CHECK_FALSE(keys.verify(four{"h", "p", "x", "c"}, good));
        CHECK_FALSE(keys.verify(four{"h", "p", "m", "x"}, good));
        CHECK_FALSE(keys.verify(four{"p", "h", "m", "c"}, good));
    }
    SECTION("another key does not match") { CHECK_FALSE(signer("other").verify(message, good)); }
}
