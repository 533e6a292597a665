// SPDX-License-Identifier: Apache-2.0
#include "broker/client/response_parser.hpp"

#include "tests/support/catch.hpp"

using broker::client::response_parser;

namespace {

struct reading {
    std::string body;
    response_parser parser{[this](std::string_view piece) {
        body += piece;
    }};
};

}  // namespace

TEST_CASE("a response is read in pieces of any size", "[client][response]") {
    std::string const text =
        "HTTP/1.1 201 Created\r\nLocation: /v1/executions/x\r\ncontent-type: text/plain\r\n"
        "Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2;x=y\r\nde\r\n0\r\nLocation: /no\r\n\r\n";
    for (std::size_t size : {std::size_t{1}, std::size_t{7}, text.size()}) {
        CAPTURE(size);
        reading r;
        for (std::size_t at = 0; at < text.size(); at += size) {
            REQUIRE(r.parser.on_bytes(std::string_view(text).substr(at, size)));
        }
        CHECK(r.parser.done());
        CHECK(r.body == "abcde");
        CHECK(r.parser.head().status == 201);
        CHECK(r.parser.head().location == "/v1/executions/x");
        CHECK(r.parser.head().content_type == "text/plain");
    }
}

TEST_CASE("body bytes are given on as they come", "[client][response]") {
    reading r;
    REQUIRE(r.parser.on_bytes("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nab"));
    CHECK(r.body == "ab");
    REQUIRE(r.parser.on_bytes("c"));
    CHECK(r.body == "abc");
    CHECK_FALSE(r.parser.done());
    CHECK_FALSE(r.parser.on_end());
}

TEST_CASE("a body without a length ends with the connection", "[client][response]") {
    reading r;
    REQUIRE(r.parser.on_bytes("HTTP/1.1 200 OK\r\n\r\nab"));
    CHECK_FALSE(r.parser.done());
    CHECK(r.parser.on_end());
    CHECK(r.body == "ab");
    reading cut;
    REQUIRE(cut.parser.on_bytes("HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nab"));
    CHECK_FALSE(cut.parser.on_end());
    reading early;
    REQUIRE(early.parser.on_bytes("HTTP/1.1 20"));
    CHECK_FALSE(early.parser.on_end());
}

TEST_CASE("what is not HTTP is said to be so", "[client][response]") {
    CHECK_FALSE(reading{}.parser.on_bytes("SSH-2.0-x\r\n\r\n"));
    CHECK_FALSE(reading{}.parser.on_bytes("HTTP/1.1 200 OK\r\nContent-Length: x\r\n\r\n"));
    CHECK_FALSE(reading{}.parser.on_bytes("HTTP/1.1 200 OK\r\nX: " + std::string(70'000, 'x') +
                                          "\r\n\r\n"));
}
