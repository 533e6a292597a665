// SPDX-License-Identifier: Apache-2.0
#include "broker/client/server_url.hpp"

#include "tests/support/catch.hpp"

using broker::client::parse_server_url;
using Catch::Matchers::ContainsSubstring;

TEST_CASE("a broker is an http address or a socket", "[client][url]") {
    auto const plain = parse_server_url("http://127.0.0.1:8000");
    REQUIRE(plain);
    CHECK(plain->host == "127.0.0.1");
    CHECK(plain->port == "8000");
    CHECK(plain->authority == "127.0.0.1:8000");
    CHECK(plain->prefix.empty());
    auto const named = parse_server_url("http://Broker.example/api//");
    REQUIRE(named);
    CHECK(named->host == "Broker.example");
    CHECK(named->port == "80");
    CHECK(named->authority == "Broker.example");
    CHECK(named->prefix == "/api");
    auto const v6 = parse_server_url("http://[::1]:1/");
    REQUIRE(v6);
    CHECK(v6->host == "::1");
    CHECK(v6->port == "1");
    CHECK(v6->authority == "[::1]:1");
    CHECK(parse_server_url("http://[fe80::1]")->port == "80");
    auto const path = parse_server_url("unix:/run/kernel broker.sock");
    REQUIRE(path);
    CHECK(path->unix_path == "/run/kernel broker.sock");
    CHECK(path->authority == "localhost");
}

TEST_CASE("everything else is refused with what would be right", "[client][url]") {
    for (auto const& bad : std::vector<std::string>{"",
                                                    "127.0.0.1:8000",
                                                    "http://",
                                                    "http://:80",
                                                    "http://h:",
                                                    "http://h:0",
                                                    "http://h:65536",
                                                    "http://h:8x",
                                                    "http://h:+1",
                                                    "http://u@h",
                                                    "http://a b",
                                                    "http://::1",
                                                    "http://[::1",
                                                    "http://[h]:1",
                                                    "http://[]:1",
                                                    "http://h/a b",
                                                    "http://h/?q",
                                                    "http://h/#f",
                                                    "http://h\r\nX: y",
                                                    "http://h/\r\nX",
                                                    "unix:",
                                                    "unix:x",
                                                    "unix:/" + std::string(200, 'x'),
                                                    std::string("unix:/a\0b", 9),
                                                    "ftp://h"}) {
        CAPTURE(bad);
        auto const parsed = parse_server_url(bad);
        REQUIRE_FALSE(parsed);
        CHECK_THAT(parsed.error().detail, ContainsSubstring("http://127.0.0.1:8000"));
    }
    CHECK_THAT(parse_server_url("https://h").error().detail, ContainsSubstring("TLS"));
}
