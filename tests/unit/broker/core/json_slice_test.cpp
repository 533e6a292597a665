// SPDX-License-Identifier: Apache-2.0
#include "broker/core/json_slice.hpp"

#include "tests/support/catch.hpp"

using broker::json_elements;
using broker::json_string_member;

namespace {

auto plain(std::string_view object) { return json_string_member(object, "text/plain"); }

}  // namespace

TEST_CASE("a member is found behind values of every kind", "[core][json]") {
    CHECK(plain(R"({"text/plain":"x"})") == "x");
    CHECK(plain(" { \"a\" : { \"text/plain\" : \"no\" } , \"text/plain\" : \"yes\" } ") == "yes");
    CHECK(plain(R"({"a":[1,{"b":"}]"},"\"]"],"text/plain":"x"})") == "x");
    CHECK(plain(R"({"a":-1.5e3,"b":true,"c":null,"d":"\\","text/plain":"x"})") == "x");
    CHECK(plain(R"({"a":[],"b":{},"text/plain":""})") == "");
    CHECK(plain(R"({"text\/plain":"x"})") == "x");
    CHECK(plain(R"({"text/plain":"first","text/plain":"second"})") == "first");
}

TEST_CASE("escapes are decoded", "[core][json]") {
    CHECK(plain(R"({"text/plain":"a\n\t\"\\\/\b\f\rz"})") == "a\n\t\"\\/\b\f\rz");
    CHECK(plain(R"({"text/plain":"\u0041\u00e9\u20AC"})") == "A\xC3\xA9\xE2\x82\xAC");
    CHECK(plain(R"({"text/plain":"\ud83d\ude00"})") == "\xF0\x9F\x98\x80");
}

TEST_CASE("half a surrogate pair becomes the replacement character", "[core][json]") {
    std::string const r = "\xEF\xBF\xBD";
    CHECK(plain(R"({"text/plain":"\ud83d"})") == r);
    CHECK(plain(R"({"text/plain":"\ude00x"})") == r + "x");
    CHECK(plain(R"({"text/plain":"\ud83d\u0041"})") == r + "A");
    CHECK(plain(R"({"text/plain":"\ud83d\ud83d\ude00"})") == r + "\xF0\x9F\x98\x80");
}

TEST_CASE("there is no text where there is no such string", "[core][json]") {
    for (auto const* object :
         {"", "{", "{}", "[]", "null", "{\"text/plain\":1}", "{\"text/plain\":[\"a\"]}",
          "{\"text/plain\":\"x", "{\"text/plain\" \"x\"}", "{\"a\":}", "{\"a\":,}", "{\"a\":[1",
          "{\"a\":\"\\\"", "{\"x\":1}", "{\"a\":1 \"text/plain\":\"x\"}", "{text/plain:1}"}) {
        CAPTURE(object);
        CHECK_FALSE(plain(object));
    }
}

TEST_CASE("a broken escape ends nothing but itself", "[core][json]") {
    CHECK(plain(R"({"text/plain":"\u12"})") ==
          "\xEF\xBF\xBD"
          "12");
    CHECK(plain(R"({"text/plain":"\uzzzz"})") == "\xEF\xBF\xBDzzzz");
}

TEST_CASE("depth costs nothing", "[core][json]") {
    std::string const deep(1'000'000, '[');
    CHECK_FALSE(plain("{\"a\":" + deep));
    CHECK(plain("{\"a\":" + deep + std::string(1'000'000, ']') + ",\"text/plain\":\"x\"}") == "x");
}

TEST_CASE("a member is found as the text that stands there", "[json]") {
    constexpr std::string_view object = R"({"a": {"b": [1, "}"]} , "n" :-1.5e3,"s":"x\"y" })";
    CHECK(broker::json_raw_member(object, "a") == R"({"b": [1, "}"]})");
    CHECK(broker::json_raw_member(object, "n") == "-1.5e3");
    CHECK(broker::json_raw_member(object, "s") == R"("x\"y")");
    CHECK_FALSE(broker::json_raw_member(object, "b").has_value());
    CHECK_FALSE(broker::json_raw_member("[1]", "b").has_value());
    CHECK_FALSE(broker::json_raw_member(R"({"a":)", "a").has_value());
}

TEST_CASE("the values of an array are the texts that stand there", "[json]") {
    using texts = std::vector<std::string_view>;
    CHECK(json_elements(R"([ {"a":[1,"]"]} , "b,", 3 ])") ==
          texts{R"({"a":[1,"]"]})", "\"b,\"", "3"});
    CHECK(json_elements("[]").empty());
    CHECK(json_elements("{}").empty());
    CHECK(json_elements("[1,") == texts{"1"});
}

TEST_CASE("the strings of an array are decoded up to what is none", "[json]") {
    CHECK(broker::json_strings(R"([ "a\n", "\u00e4" ])") == std::vector<std::string>{"a\n", "ä"});
    CHECK(broker::json_strings(R"(["a",1,"b"])") == std::vector<std::string>{"a"});
    CHECK(broker::json_strings("[]").empty());
    CHECK(broker::json_strings("").empty());
    CHECK(broker::json_strings(R"(["a)").empty());
}
