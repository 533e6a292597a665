// SPDX-License-Identifier: Apache-2.0
#include "broker/daemon/listen_address.hpp"

#include "tests/support/catch.hpp"

using broker::parse_listen_address;

TEST_CASE("an address to listen on is a number and a port, or a path", "[daemon][listen]") {
    auto const v4 = parse_listen_address("127.0.0.1:8000");
    REQUIRE(v4);
    CHECK(v4->host == "127.0.0.1");
    CHECK(v4->port == 8000);
    auto const v6 = parse_listen_address("[::1]:0");
    REQUIRE(v6);
    CHECK(v6->host == "::1");
    CHECK(v6->port == 0);
    auto const path = parse_listen_address("unix:/run/kernel broker.sock");
    REQUIRE(path);
    CHECK(path->unix_path == "/run/kernel broker.sock");
    CHECK(parse_listen_address("localhost:80")->host == "127.0.0.1");
}

TEST_CASE("everything else is no address to listen on", "[daemon][listen]") {
    for (auto const* bad : {"",
                            ":",
                            "8000",
                            ":8000",
                            "127.0.0.1",
                            "127.0.0.1:",
                            "127.0.0.1:65536",
                            "127.0.0.1:-1",
                            "127.0.0.1:+1",
                            "127.0.0.1:80x",
                            "127.0.0.1: 80",
                            "127.1:80",
                            "0127.0.0.1:80",
                            "::1:80",
                            "[127.0.0.1]:80",
                            "[::1]",
                            "[]:80",
                            "example.org:80",
                            "unix:",
                            "unix:run/x",
                            "http://127.0.0.1:80"}) {
        CAPTURE(bad);
        CHECK_FALSE(parse_listen_address(bad));
    }
    CHECK_FALSE(parse_listen_address("unix:/" + std::string(200, 'x')));
    CHECK_FALSE(parse_listen_address(std::string_view{"127.0.0.1\0:80", 13}));
    CHECK_FALSE(parse_listen_address(std::string_view{"unix:/a\0b", 9}));
}

TEST_CASE("other forms of the loopback address count as loopback, wildcards do not",
          "[daemon][listen]") {
    for (auto const* here : {"[::1]:1", "[0:0:0:0:0:0:0:1]:1", "127.255.0.1:1", "unix:/x"}) {
        CAPTURE(here);
        CHECK(parse_listen_address(here)->local_only());
    }
    for (auto const* open : {"0.0.0.0:1", "[::]:1", "[::ffff:0.0.0.0]:1", "192.168.0.1:1"}) {
        CAPTURE(open);
        CHECK_FALSE(parse_listen_address(open)->local_only());
    }
}
