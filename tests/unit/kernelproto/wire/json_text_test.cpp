// SPDX-License-Identifier: Apache-2.0
#include "kernelproto/wire/json_text.hpp"

#include "kernelproto/wire/errc.hpp"
#include "kernelproto/wire/json_check.hpp"
#include "kernelproto/wire/utf8.hpp"
#include "tests/support/catch.hpp"

#include <array>
#include <string>
#include <vector>

using namespace kernelproto;

namespace {

/// The text after check and mending, or the error's name.
std::string parsed(std::string const& text) {
    auto const object = json_object::parse(frame{text});
    return object ? std::string(object->value().raw()) : "refused: " + object.error().message();
}

bool refused(std::string const& text) {
    auto const object = json_object::parse(frame{text});
    return !object && object.error() == wire_errc::bad_json;
}

std::string nested(std::size_t depth) {
    std::string text = R"({"a":)";
    text += std::string(depth - 1, '[') + std::string(depth - 1, ']');
    return text + "}";
}

std::string member(std::string const& object, std::string_view key) {
    return std::string(json_value{object}.member(key).raw());
}

std::string string_of(std::string const& json) {
    return json_value{json}.string().value_or("none");
}

}  // namespace

TEST_CASE("a well-formed object is taken without a copy", "[wire][json]") {
    frame const bytes{std::string(R"({"a":[1,{"b":null}],"c":"d"})")};
    auto const object = json_object::parse(bytes);
    REQUIRE(object.has_value());
    CHECK(object->value().raw().data() == bytes.bytes().data());
}

TEST_CASE("blanks around the object are cut off", "[wire][json]") {
    CHECK(parsed(" \t\r\n{ } \n") == "{ }");
}

TEST_CASE("what is not one JSON object is refused", "[wire][json]") {
    for (auto const* text : {"",
                             " ",
                             "null",
                             "1",
                             "[]",
                             "\"a\"",
                             "{",
                             "}",
                             "{}}",
                             "{}{}",
                             "{} x",
                             "{\"a\"}",
                             "{\"a\":}",
                             "{\"a\":1,}",
                             "{,}",
                             "{a:1}",
                             "{'a':1}",
                             "{\"a\":01}",
                             "{\"a\":+1}",
                             "{\"a\":.5}",
                             "{\"a\":tru}",
                             "{\"a\":\"\t\"}",
                             "{\"a\":\"\\x\"}",
                             "{\"a\":\"\\u12g4\"}",
                             "{\"a\":\"}",
                             "{\"a\":[}]",
                             "/**/{}",
                             "\xEF\xBB\xBF{}"}) {
        CAPTURE(text);
        CHECK(refused(text));
    }
    CHECK(refused(std::string("{}\0", 3)));
}

TEST_CASE("nesting is accepted up to the limit and not one level more", "[wire][json]") {
    CHECK_FALSE(refused(nested(max_json_depth)));
    CHECK(refused(nested(max_json_depth + 1)));
    CHECK(refused(nested(900)));
    CHECK(refused(nested(2'000'000)));
    CHECK(refused(std::string(1'000'000, '{')));
    CHECK(refused("{\"a\":" + std::string(1'000'000, '[')));
}

TEST_CASE("bytes that are not UTF-8 become U+FFFD, in keys and in values", "[wire][json]") {
    CHECK(parsed("{\"caf\xE9\":\"\xE9.txt\"}") == "{\"caf\uFFFD\":\"\uFFFD.txt\"}");
}

TEST_CASE("lone surrogate escapes become U+FFFD, pairs stay", "[wire][json]") {
    CHECK(parsed(R"({"a":"\ud83d\ude00"})") == R"({"a":"\ud83d\ude00"})");
    CHECK(parsed(R"({"a":"x\ud800y"})") == R"({"a":"x\ufffdy"})");
    CHECK(parsed(R"({"a":"\udc00"})") == R"({"a":"\ufffd"})");
    CHECK(parsed(R"({"a":"\ud800\ud83d\ude00"})") == R"({"a":"\ufffd\ud83d\ude00"})");
    CHECK(parsed(R"({"a":"\ud800\n"})") == R"({"a":"\ufffd\n"})");
    CHECK(parsed(R"({"\uD800":"\\ud800"})") == R"({"\ufffd":"\\ud800"})");
}

TEST_CASE("numbers that JSON does not have become null, in strings they stay", "[wire][json]") {
    CHECK(parsed(R"({"a":NaN,"b":[Infinity,-Infinity],"c":"NaN"})") ==
          R"({"a":null,"b":[null,null],"c":"NaN"})");
    CHECK(refused(R"({"a":NaNa})"));
    CHECK(refused(R"({"a":nan})"));
}

TEST_CASE("huge numbers are JSON and stay as they were written", "[wire][json]") {
    auto const text = R"({"a":1)" + std::string(400, '0') + "}";
    CHECK(parsed(text) == text);
    CHECK(parsed(R"({"a":1e400})") == R"({"a":1e400})");
}

TEST_CASE("members are cut out as raw bytes", "[wire][json]") {
    std::string const object =
        R"({ "s" : "a\"}" , "o":{"s":"inner","x":[1,2]},"a":[ "]" , {} ],"n":-1.5e3,"t":true})";
    CHECK(member(object, "s") == R"("a\"}")");
    CHECK(member(object, "o") == R"({"s":"inner","x":[1,2]})");
    CHECK(member(object, "a") == R"([ "]" , {} ])");
    CHECK(member(object, "n") == "-1.5e3");
    CHECK(member(object, "t") == "true");
    CHECK(member(object, "x") == "");
    CHECK(member("{}", "x") == "");
    CHECK(member("[1]", "x") == "");
}

TEST_CASE("strings that end in backslashes do not hide their closing quote", "[wire][json]") {
    CHECK(member(R"({"a":"\\","b":"x\\\"","c":1})", "c") == "1");
    CHECK(member(R"({"a\\":2,"b":1})", "b") == "1");
}

TEST_CASE("a key is compared as what it means, and the last of two wins", "[wire][json]") {
    CHECK(member(R"({"d\u0061ta":1})", "data") == "1");
    CHECK(member(R"({"data":1,"data":2})", "data") == "2");
    CHECK(member(R"({"":1})", "") == "1");
}

TEST_CASE("several members are found in one walk", "[wire][json]") {
    std::array<json_value::wanted, 3> wanted{{{"a"}, {"b"}, {"c"}}};
    json_value{R"({"c":3,"x":0,"a":1})"}.members(wanted);
    CHECK(wanted[0].raw == "1");
    CHECK(wanted[1].raw.empty());
    CHECK(wanted[2].raw == "3");
}

TEST_CASE("elements of an array come one by one", "[wire][json]") {
    std::vector<std::string> seen;
    json_elements elements{json_value{R"([ 1 ,"]",[2,[3]], {"a":","} ,null])"}};
    for (json_value each; elements.next(each);) {
        seen.emplace_back(each.raw());
    }
    CHECK(seen == std::vector<std::string>{"1", R"("]")", "[2,[3]]", R"({"a":","})", "null"});
    for (json_value const nothing :
         {json_value{"[]"}, json_value{"[ ]"}, json_value{"{}"}, json_value{}}) {
        json_value each{"untouched"};
        CHECK_FALSE(json_elements{nothing}.next(each));
        CHECK(each.raw() == "untouched");
    }
}

TEST_CASE("strings are read with all their escapes", "[wire][json]") {
    CHECK(string_of(R"("")").empty());
    CHECK(string_of(R"("a\"\\\/\b\f\n\r\tz")") == "a\"\\/\b\f\n\r\tz");
    CHECK(string_of(R"("\u0041\u00e9\u20AC\ud83d\ude00")") == "A\u00e9\u20ac\U0001F600");
    CHECK(string_of(R"("\u0000")") == std::string(1, '\0'));
    CHECK(string_of("\"caf\u00e9\"") == "caf\u00e9");
    CHECK(string_of("1") == "none");
    CHECK(string_of("null") == "none");
    CHECK_FALSE(json_value{}.string());
}

TEST_CASE("integers are whole and fit in 64 bits, else there is none", "[wire][json]") {
    CHECK(json_value{"0"}.integer() == 0);
    CHECK(json_value{"-9223372036854775808"}.integer() == INT64_MIN);
    for (auto const* text : {"9223372036854775808", "1.0", "1e3", "\"1\"", "null", "true", "[]"}) {
        CAPTURE(text);
        CHECK_FALSE(json_value{text}.integer());
    }
    CHECK_FALSE(json_value{}.integer());
}

TEST_CASE("only true and false are booleans", "[wire][json]") {
    CHECK(json_value{"true"}.boolean() == true);
    CHECK(json_value{"false"}.boolean() == false);
    CHECK_FALSE(json_value{"null"}.boolean());
    CHECK_FALSE(json_value{"1"}.boolean());
    CHECK_FALSE(json_value{}.boolean());
}

TEST_CASE("text becomes a JSON string and back", "[wire][json]") {
    for (std::string const& text :
         {std::string{}, std::string{"a\"b\\c/d"}, std::string("\0\x01\x1f\n\t", 5),
          std::string{"caf\u00e9 \U0001F600"}}) {
        std::string json;
        append_json_string(json, text);
        CHECK(string_of(json) == text);
        CHECK_FALSE(refused("{\"a\":" + json + "}"));
    }
    std::string json;
    append_json_string(json, "\xFF");
    CHECK(json == "\"\uFFFD\"");
}
