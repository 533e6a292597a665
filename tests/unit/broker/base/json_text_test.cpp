// SPDX-License-Identifier: Apache-2.0
#include "broker/base/json_text.hpp"

#include "broker/base/utf8.hpp"
#include "tests/support/catch.hpp"

#include <cmath>
#include <limits>

using namespace std::string_literals;

namespace {

std::string quoted(std::string_view text) {
    std::string out;
    broker::append_json_string(out, text);
    return out;
}

std::string shown(double value) {
    std::string out;
    broker::append_json_number(out, value);
    return out;
}

}  // namespace

TEST_CASE("text becomes a JSON string whatever its bytes are", "[base][json]") {
    CHECK(quoted("") == R"("")");
    CHECK(quoted("a\"b\\c/") == R"("a\"b\\c/")");
    CHECK(quoted("\n\r\t\0\x1f"s) == R"("\n\r\t\u0000\u001f")");
    CHECK(quoted("\x7f") == "\"\x7f\"");
    CHECK(quoted("gr\xC3\xBC\xC3\x9F \xF0\x9F\x98\x80") ==
          "\"gr\xC3\xBC\xC3\x9F \xF0\x9F\x98\x80\"");
    CHECK(quoted("a\xFFz") == "\"a\xEF\xBF\xBDz\"");
    CHECK(quoted("\xC3") == "\"\xEF\xBF\xBD\"");
}

TEST_CASE("what has to be escaped is, wherever in the text it lies", "[base][json]") {
    for (int byte = 0; byte < 256; ++byte) {
        auto const odd = std::string(1, static_cast<char>(byte));
        auto const alone = quoted(odd);
        auto const escaped = alone.substr(1, alone.size() - 2);
        for (std::size_t before = 0; before < 20; ++before) {
            for (std::size_t after = 0; after < 10; ++after) {
                auto const text = std::string(before, ' ') + odd + std::string(after, '~');
                CHECK(quoted(text) ==
                      '"' + std::string(before, ' ') + escaped + std::string(after, '~') + '"');
            }
        }
    }
}

TEST_CASE("numbers are shown short, and what JSON cannot say is null", "[base][json]") {
    CHECK(shown(0.5) == "0.5");
    CHECK(shown(60) == "60");
    CHECK(shown(-0.0) == "0");
    CHECK(shown(0.1) == "0.1");
    CHECK(shown(1e300) == "1e+300");
    CHECK(shown(std::nan("")) == "null");
    CHECK(shown(std::numeric_limits<double>::infinity()) == "null");
}

TEST_CASE("an object separates its members and splices JSON as it is", "[base][json]") {
    std::string out;
    broker::json_object object(out);
    object.string("a", "x").integer("b", -3).number("c", 1.25).boolean("d", true).null("e").raw(
        "f", "[1]");
    object.member("g") += "{}";
    object.close();
    CHECK(out == R"({"a":"x","b":-3,"c":1.25,"d":true,"e":null,"f":[1],"g":{}})");
    std::string empty;
    broker::json_object(empty).close();
    CHECK(empty == "{}");
}

TEST_CASE("only shortest forms of real characters are UTF-8", "[base][utf8]") {
    for (auto const& good : {"a"s, "\xC2\x80"s, "\xE0\xA0\x80"s, "\xED\x9F\xBF"s, "\xEE\x80\x80"s,
                             "\xF0\x90\x80\x80"s, "\xF4\x8F\xBF\xBF"s, "\0"s}) {
        CHECK(broker::is_utf8(good));
    }
    for (auto const& bad :
         {"\x80"s, "\xC0\x80"s, "\xC1\xBF"s, "\xE0\x9F\xBF"s, "\xED\xA0\x80"s, "\xF0\x8F\xBF\xBF"s,
          "\xF4\x90\x80\x80"s, "\xF5\x80\x80\x80"s, "\xC3"s, "\xE2\x82"s, "\xC3("s, "\xFF"s}) {
        CHECK_FALSE(broker::is_utf8(bad));
    }
}

TEST_CASE("text is cut between characters", "[base][utf8]") {
    std::string const text = "a\xF0\x9F\x98\x80z";  // 1 + 4 + 1 bytes
    CHECK(broker::utf8_prefix(text, 6) == text);
    CHECK(broker::utf8_prefix(text, 5) == "a\xF0\x9F\x98\x80");
    for (std::size_t n : {1U, 2U, 3U, 4U}) {
        CHECK(broker::utf8_prefix(text, n) == "a");
        CHECK(broker::utf8_suffix(text, n) == "z");
    }
    CHECK(broker::utf8_prefix(text, 0).empty());
    CHECK(broker::utf8_suffix(text, 0).empty());
    CHECK(broker::utf8_suffix(text, 5) == "\xF0\x9F\x98\x80z");
}
