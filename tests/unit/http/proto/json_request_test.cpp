// SPDX-License-Identifier: Apache-2.0
#include "http/proto/json_request.hpp"

#include "http/proto/object_reader.hpp"
#include "tests/support/catch.hpp"

#include <cmath>

namespace {

using http::object_reader;
using http::parse_json_request;
using http::unknown_fields;

std::string error_of(std::string_view body) {
    auto const parsed = parse_json_request(body);
    return parsed ? "" : parsed.error().sentence;
}

http::json_document document(std::string_view body) {
    auto parsed = parse_json_request(body);
    REQUIRE(parsed);
    return *parsed;
}

std::string failure_of(object_reader const& reader) {
    auto const done = reader.finish();
    if (done) {
        return "";
    }
    auto const unknown = done.error().code == broker::errc::unknown_field;
    return (unknown ? "unknown_field: " : "invalid_field: ") + done.error().detail;
}

}  // namespace

TEST_CASE("broken JSON is told with what and where", "[http][json]") {
    struct row {
        std::string body;
        std::string says;
    };
    std::vector<row> const rows{
        {"", "it is empty (line 1, column 1)"},
        {"   ", "ends in the middle"},
        {"{", "ends in the middle"},
        {"{\"a\":1", "ends in the middle"},
        {"{\"a\":\"b", "ends in the middle"},
        {"{\"a\":1}x", "bytes follow the JSON value (line 1, column 8)"},
        {"{}{}", "bytes follow"},
        {std::string("{}\0", 3), "bytes follow"},
        {"\xef\xbb\xbf{}", "byte order mark"},
        {"{\"a\":1,\"b\":2,\"a\":3}", "the key \"a\" appears twice"},
        {"{\"a\":{\"x\":[{\"k\":1,\"k\":2}]}}", "the key \"k\" appears twice"},
        {"{\"\\u0061\":1,\"a\":2}", "the key \"a\" appears twice"},
        {"{\"a\":NaN}", "NaN is not JSON"},
        {"{\"a\":Infinity}", "Infinity is not JSON"},
        {"{\"a\":-Infinity}", "not"},
        {"{\"a\":1e999}", "number is too large"},
        {"{\"a\":-1e400}", "number is too large"},
        {"{\"a\":" + std::string(4300, '9') + "}", "number is too large"},
        {"{\"a\":\"\\ud800\"}", "half a surrogate pair"},
        {"{\"a\":\"\\udc00\"}", "half a surrogate pair"},
        {"{\"a\":\"\\ud800\\u0041\"}", "half a surrogate pair"},
        {"{\"a\":\"\\u12g4\"}", "four hexadecimal digits"},
        {"{\"a\":\"\xff\"}", "not UTF-8"},
        {"{\"a\":\"\xc0\xaf\"}", "not UTF-8"},
        {"{\"a\":\"\xed\xa0\x80\"}", "not UTF-8"},
        {"{\"\xff\":1}", "not UTF-8"},
        {"{\"a\":\"\n\"}", "control character"},
        {std::string("{\"a\":\"\0\"}", 9), "control character"},
        {"{'a':1}", "unexpected character"},
        {"{\"a\":1,}", "unexpected character"},
        {"{\"a\":01}", "unexpected character"},
        {"{\"a\":+1}", "unexpected character"},
        {"{\"a\":0x1}", "unexpected character"},
        {"{/*c*/}", "unexpected character"},
        {"{\n\"a\":\n  tru}", "(line 3, column 3)"},
        {std::string(65, '[') + std::string(65, ']'), "deeper than 64"},
        {std::string(1000000, '['), "deeper than 64"},
    };
    for (auto const& r : rows) {
        INFO(r.body.substr(0, 60));
        CHECK_THAT(error_of(r.body), Catch::Matchers::ContainsSubstring(r.says));
    }
}

TEST_CASE("a body cannot be made of very many values or keys", "[http][json]") {
    std::string values = "[";
    for (std::size_t i = 0; i < http::max_json_values + 1; ++i) {
        values += "0,";
    }
    CHECK_THAT(error_of(values + "0]"), Catch::Matchers::ContainsSubstring("100000 values"));
    std::string members = "{";
    for (std::size_t i = 0; i < http::max_json_members + 1; ++i) {
        members += "\"k" + std::to_string(i) + "\":0,";
    }
    CHECK_THAT(error_of(members + "\"z\":0}"), Catch::Matchers::ContainsSubstring("1000 members"));
}

TEST_CASE("what is JSON is taken", "[http][json]") {
    std::string const depth_64 = std::string(64, '[') + std::string(64, ']');
    for (std::string const& body :
         {std::string("{}"), std::string(" {\"a\" : 1 } \r\n"), std::string("[1,-0,1.5e3,\"x\"]"),
          depth_64, std::string("\"\\ud83d\\ude00\""), std::string("\"\\u0000\""),
          std::string("1e-999"), std::string("\"\xf0\x9f\x98\x80\"")}) {
        INFO(body);
        CHECK(error_of(body).empty());
    }
}

TEST_CASE("typed fields come out as they went in", "[http][json]") {
    auto const body = document(
        R"({"code":"print(1)\n","n":1.5,"w":512,"e":5e8,"b":true,"limits":{"cpus":2},"labels":{"a":"b"}})");
    object_reader reader(body, unknown_fields::refuse);
    CHECK(reader.required_text("code") == "print(1)\n");
    CHECK(reader.number("n") == 1.5);
    CHECK(reader.whole("w") == 512U);
    CHECK(reader.whole("e") == 500000000U);
    CHECK(reader.boolean("b") == true);
    auto limits = reader.object("limits");
    CHECK(limits.number("cpus") == 2.0);
    CHECK_FALSE(limits.whole("pids"));
    CHECK(reader.texts("labels") == std::map<std::string, std::string>{{"a", "b"}});
    CHECK_FALSE(reader.text("absent"));
    CHECK_FALSE(reader.has("absent"));
    CHECK(failure_of(reader).empty());
}

TEST_CASE("a wrong type names the field and what it must be", "[http][json]") {
    auto const failure = [](std::string_view body, auto read) {
        auto const parsed = document(body);
        object_reader reader(parsed, unknown_fields::refuse);
        read(reader);
        return failure_of(reader);
    };
    CHECK(failure(R"({"code":5})", [](auto& r) { r.text("code"); }) ==
          "invalid_field: The field \"code\" must be a string.");
    CHECK(failure(R"({})", [](auto& r) { r.required_text("code"); }) ==
          "invalid_field: The field \"code\" is missing: it must be a string.");
    CHECK(failure(R"({"limits":{"cpus":"2"}})", [](auto& r) {
              r.object("limits").number("cpus");
          }) == "invalid_field: The field \"limits.cpus\" must be a number.");
    CHECK(failure(R"({"limits":7})", [](auto& r) { r.object("limits"); }) ==
          "invalid_field: The field \"limits\" must be an object.");
    CHECK(failure(R"({"n":-1})", [](auto& r) { r.whole("n"); }) ==
          "invalid_field: The field \"n\" must be a whole number of 0 or more.");
    CHECK(failure(R"({"n":1.5})", [](auto& r) { r.whole("n"); }).find("whole number") !=
          std::string::npos);
    CHECK(failure(R"({"b":1})", [](auto& r) { r.boolean("b"); }) ==
          "invalid_field: The field \"b\" must be true or false.");
    CHECK(failure(R"({"labels":{"a":1}})", [](auto& r) { r.texts("labels"); }) ==
          "invalid_field: The field \"labels.a\" must be a string.");
    CHECK(failure(R"({"argv":"a"})", [](auto& r) { r.list("argv"); }) ==
          "invalid_field: The field \"argv\" must be an array of strings.");
    CHECK(failure(R"({"argv":["a",1]})", [](auto& r) { r.list("argv"); }) ==
          "invalid_field: The field \"argv.1\" must be a string.");
    CHECK(failure("[1]", [](auto&) {}) == "invalid_field: The body must be a JSON object.");
    CHECK(failure(R"({"a":1,"b":2})", [](auto& r) {
              r.text("a");
              r.text("b");
          }) == "invalid_field: The field \"a\" must be a string.");
}

TEST_CASE("unknown fields are refused at every level where that is the rule", "[http][json]") {
    auto const body = document(R"({"id":"a","limits":{"cpu":1}})");
    object_reader strict(body, unknown_fields::refuse);
    strict.text("id");
    auto limits = strict.object("limits");
    limits.number("cpus");
    CHECK(failure_of(strict) ==
          "unknown_field: The field \"limits.cpu\" is not known here; known are: cpus.");

    auto const simple = document(R"({"code":"1","other":{"x":[1]}})");
    object_reader lenient(simple, unknown_fields::ignore);
    lenient.text("code");
    CHECK(failure_of(lenient).empty());
    object_reader strict_too(simple, unknown_fields::refuse);
    strict_too.text("code");
    CHECK_THAT(failure_of(strict_too), Catch::Matchers::ContainsSubstring("\"other\""));
}

TEST_CASE("null counts as absent only where unknown fields are ignored", "[http][json]") {
    auto const body = document(R"({"session_id":null})");
    object_reader lenient(body, unknown_fields::ignore);
    CHECK_FALSE(lenient.text("session_id"));
    CHECK_FALSE(lenient.has("session_id"));
    CHECK(failure_of(lenient).empty());
    object_reader strict(body, unknown_fields::refuse);
    CHECK_FALSE(strict.text("session_id"));
    CHECK(failure_of(strict) == "invalid_field: The field \"session_id\" must be a string.");
}

TEST_CASE("the empty string is there, not absent", "[http][json]") {
    auto const body = document(R"({"session_id":""})");
    object_reader reader(body, unknown_fields::ignore);
    CHECK(reader.has("session_id"));
    CHECK(reader.text("session_id") == "");
}

TEST_CASE("a rule of the caller is kept like the others", "[http][json]") {
    auto const body = document(R"({"timeout":-1})");
    object_reader reader(body, unknown_fields::ignore);
    reader.reject("timeout", "must be more than 0");
    reader.fail({broker::errc::limit_too_high, "later"});
    CHECK(failure_of(reader) == "invalid_field: The field \"timeout\" must be more than 0.");
}

TEST_CASE("a hostile field name is quoted, cut and escaped", "[http][json]") {
    auto const body = document("{\"" + std::string(500, 'x') + "\\u0000\":1}");
    object_reader reader(body, unknown_fields::refuse);
    CHECK(failure_of(reader).size() < 200);
}

TEST_CASE("a list of strings is read in its order, an empty one is there", "[http][json]") {
    auto const parsed = document(R"({"argv":["b","a",""],"none":[]})");
    object_reader reader(parsed, unknown_fields::refuse);
    CHECK(reader.list("argv") == std::vector<std::string>{"b", "a", ""});
    CHECK(reader.list("none") == std::vector<std::string>{});
    CHECK_FALSE(reader.list("absent"));
    CHECK(failure_of(reader).empty());
}
