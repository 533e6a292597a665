// SPDX-License-Identifier: Apache-2.0
#include "broker/client/json_value.hpp"

#include "tests/support/catch.hpp"

using namespace broker::client;

TEST_CASE("what is not JSON, or nested too deep, is absent", "[client][json]") {
    for (auto const* bad : {"", "{", "[1,]", "{\"a\":1}x", "nul", "\"\xff\"", "1e999"}) {
        CAPTURE(bad);
        CHECK_FALSE(parse_json(bad));
    }
    CHECK(parse_json(std::string(200, '[') + std::string(200, ']')));
    CHECK_FALSE(parse_json(std::string(201, '[') + std::string(201, ']')));
    CHECK_FALSE(parse_json(std::string(1'000'000, '[')));
    CHECK(parse_json("[\"" + std::string(1000, '[') + "\\\"[\"]"));
}

TEST_CASE("a member of another type reads as none", "[client][json]") {
    auto const value = *parse_json(R"({"t":"x","n":7,"neg":-7,"big":18446744073709551615,"f":1.5,
                                       "b":true,"o":{},"z":null})");
    CHECK(text_of(value, "t") == "x");
    CHECK(text_of(value, "n").empty());
    CHECK(text_of(value, "missing").empty());
    CHECK(number_of(value, "n", -1) == 7);
    CHECK(number_of(value, "neg", -1) == -7);
    CHECK(number_of(value, "big", -1) == -1);
    CHECK(number_of(value, "f", -1) == -1);
    CHECK(number_of(value, "t", -1) == -1);
    CHECK(truth_of(value, "b"));
    CHECK_FALSE(truth_of(value, "n"));
    CHECK(member(value, "z") != nullptr);
    CHECK(member(*parse_json("[1]"), "0") == nullptr);
    CHECK(text_of(*parse_json("3"), "t").empty());
}

TEST_CASE("members keep their order, and broken text is mended on the way out", "[client][json]") {
    CHECK(to_text(*parse_json(R"({"z":1,"a":[],"m":{"y":0,"b":1.0}})")) ==
          R"({"z":1,"a":[],"m":{"y":0,"b":1.0}})");
    CHECK(to_text(json("a\xff")) == "\"a\xEF\xBF\xBD\"");
}
