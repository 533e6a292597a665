// SPDX-License-Identifier: Apache-2.0
#include "http/librechat/tool_calls.hpp"

#include "tests/support/catch.hpp"

#include <random>

using namespace http::librechat;

namespace {

std::string mark(std::string const& rest) { return "\x1etoken " + rest + "\x1e"; }

struct read_all {
    std::string text;
    std::vector<tool_call> calls;
};

read_all read(std::string_view all, std::size_t piece) {
    call_reader reader("token");
    read_all out;
    for (std::size_t at = 0; at < all.size(); at += piece) {
        out.text += reader.feed(all.substr(at, piece));
        for (auto& one : reader.take()) {
            out.calls.push_back(std::move(one));
        }
    }
    out.text += reader.rest();
    return out;
}

}  // namespace

TEST_CASE("marks are calls, the rest is text, however it is cut", "[librechat]") {
    auto const all = "a\x1e" + mark("id1 1/2 tool {\"x\"") + "b" + mark("id2 1/1 other {}") +
                     mark("id1 2/2 tool : 1}") + "c\x1etok\n" + mark("odd");
    for (std::size_t piece = 1; piece <= all.size(); ++piece) {
        auto const got = read(all, piece);
        CHECK(got.text ==
              "a\x1e"
              "bc\x1etok\n");
        REQUIRE(got.calls.size() == 2);
        CHECK(got.calls[0].id == "id2");
        CHECK(got.calls[0].input == "{}");
        CHECK(got.calls[1].tool == "tool");
        CHECK(got.calls[1].input == R"({"x": 1})");
    }
}

TEST_CASE("a mark without its end is text", "[librechat]") {
    auto const begun = std::string("\x1etoken id1 1/1 tool ");
    CHECK(read("a" + begun, 3).text == "a" + begun);
    auto const endless = begun + std::string(100'000, 'x');
    auto const got = read(endless, 4096);
    CHECK(got.text == endless);
    CHECK(got.calls.empty());
}

TEST_CASE("pieces that do not follow each other are no call", "[librechat]") {
    CHECK(read(mark("id 2/2 tool x"), 7).calls.empty());
    CHECK(read(mark("id 1/3 tool x") + mark("id 3/3 tool x"), 7).calls.empty());
    CHECK(read(mark("../id 1/1 tool x"), 7).calls.empty());
    CHECK(read(mark("id 1/1"), 7).calls.size() == 1);
    CHECK(read(mark("id 0/0 tool x"), 7).calls.empty());
    CHECK(read(mark("id 1/x tool x"), 7).calls.empty());
    CHECK(read(mark(""), 7).calls.empty());
}

TEST_CASE("what is called with too much is not kept", "[librechat]") {
    call_reader reader("token");
    std::string const piece(60'000, 'x');
    for (int i = 1; i <= 200 && !reader.overflowed(); ++i) {
        (void)reader.feed(mark("id " + std::to_string(i) + "/200 tool " + piece));
    }
    CHECK(reader.overflowed());
    CHECK(reader.take().empty());
}

TEST_CASE("any bytes are read without a fault", "[librechat]") {
    std::mt19937 chance(7);
    std::string const words[] = {"\x1e", "token ", "id ", "1/1 ", "1/2 ", "tool ", "{}", "x"};
    for (int i = 0; i < 2000; ++i) {
        std::string all;
        for (auto n = chance() % 40; n > 0; --n) {
            all += words[chance() % std::size(words)];
        }
        auto const whole = read(all, all.size() + 1);
        auto const cut = read(all, 1 + chance() % 5);
        CHECK(whole.text == cut.text);
        CHECK(whole.calls.size() == cut.calls.size());
    }
}

TEST_CASE("tools are called by names that the language has", "[librechat]") {
    using enum tool_language;
    CHECK(callable_name("get_weather", python) == "get_weather");
    CHECK(callable_name("get-the weather", python) == "get_the_weather");
    CHECK(callable_name("a.b", python) == "ab");
    CHECK(callable_name("a.b", bash) == "a_b");
    CHECK(callable_name("3d", bash) == "_3d");
    CHECK(callable_name("class", python) == "class_tool");
    CHECK(callable_name("class", bash) == "class");
    CHECK(callable_name("test", bash) == "test_tool");
    CHECK(callable_name("_ptc_call", bash) == "_ptc_call_tool");
    CHECK(callable_name("h\xc3\xa9llo!", python) == "hllo");
    CHECK_FALSE(name_tools({"a-b", "a b"}, python));
    CHECK_FALSE(name_tools({"!"}, python));
    CHECK_FALSE(name_tools(std::vector<std::string>(101, "x"), python));
    auto const named = name_tools({"a b", "c"}, bash);
    REQUIRE(named);
    CHECK(named->at(0).name == "a b");
    CHECK(named->at(0).callable == "a_b");
}
