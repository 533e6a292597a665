// SPDX-License-Identifier: Apache-2.0
#include "broker/client/sse_parser.hpp"

#include "tests/support/catch.hpp"

using broker::client::sse_event;
using broker::client::sse_parser;

namespace {

/// Each event as id|type|data, the bytes given in pieces of `size`.
std::vector<std::string> events(std::string_view bytes, std::size_t size) {
    sse_parser parser{1000};
    std::vector<std::string> out;
    for (std::size_t at = 0; at < bytes.size(); at += size) {
        for (auto const& one : parser.on_bytes(bytes.substr(at, size))) {
            out.push_back(one.id + "|" + one.type + "|" + one.data);
        }
    }
    return out;
}

using list = std::vector<std::string>;

/// The same in pieces of every size.
void check(std::string_view bytes, list const& expected) {
    for (std::size_t size = 1; size <= bytes.size(); ++size) {
        CAPTURE(bytes, size);
        CHECK(events(bytes, size) == expected);
    }
}

}  // namespace

TEST_CASE("lines end in three ways", "[client][sse]") {
    check("id: 1\nevent: a\ndata: x\n\n", {"1|a|x"});
    check("id: 1\revent: a\rdata: x\r\r", {"1|a|x"});
    check("id: 1\r\nevent: a\r\ndata: x\r\n\r\n", {"1|a|x"});
    check("data: x\r\r\ndata: y\n\r\n", {"|message|x", "|message|y"});
}

TEST_CASE("the examples of the standard", "[client][sse]") {
    check("data: YHOO\ndata: +2\ndata: 10\n\n", {"|message|YHOO\n+2\n10"});
    check(
        ": test stream\n\ndata: first event\nid: 1\n\ndata:second event\nid\n\ndata:  third "
        "event\n\n",
        {"1|message|first event", "|message|second event", "|message| third event"});
    check("data\n\ndata\ndata\n\ndata:", {"|message|", "|message|\n"});
    check("data:test\n\ndata: test\n\n", {"|message|test", "|message|test"});
}

TEST_CASE("an event without data is none, and its type is forgotten", "[client][sse]") {
    check("event: a\nid: 4\n\ndata: x\n\n", {"4|message|x"});
}

TEST_CASE("other fields, comments and a mark at the beginning are read over", "[client][sse]") {
    check(
        "\xEF\xBB\xBF"
        "data: x\nretry: 5\nother\n:c: d\n: data: no\n\n",
        {"|message|x"});
    check(
        "\n\xEF\xBB\xBF"
        "data: x\n\n",
        {});
}

TEST_CASE("an id with a NUL is not taken", "[client][sse]") {
    check(std::string_view("id: 1\ndata: x\n\nid: 2\0\ndata: y\n\n", 31),
          {"1|message|x", "1|message|y"});
}

TEST_CASE("after a break the incomplete is dropped and the last id stays", "[client][sse]") {
    sse_parser parser{1000};
    CHECK(parser.on_bytes("id: 1\ndata: x\n\nid: 2\nevent: e\ndata: lost\nda").size() == 1);
    parser.on_end();
    CHECK(parser.last_id() == "1");
    auto const after = parser.on_bytes(
        "\xEF\xBB\xBF"
        "data: y\n\n");
    REQUIRE(after.size() == 1);
    CHECK(after[0].id == "1");
    CHECK(after[0].type == "message");
    CHECK(after[0].data == "y");
}

TEST_CASE("a line or an event above the bound ends the stream", "[client][sse]") {
    sse_parser line{10};
    CHECK(line.on_bytes("data: 1234\n\n").size() == 1);
    CHECK(line.on_bytes("data: 12345").empty());
    CHECK(line.too_large());
    CHECK(line.on_bytes("\n\ndata: x\n\n").empty());
    sse_parser whole{10};
    (void)whole.on_bytes("data: 123\ndata: 456\n");
    CHECK_FALSE(whole.too_large());
    (void)whole.on_bytes("data: 789\n");
    CHECK(whole.too_large());
}
