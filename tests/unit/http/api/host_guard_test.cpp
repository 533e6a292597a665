// SPDX-License-Identifier: Apache-2.0
#include "http/api/host_guard.hpp"

#include "tests/support/catch.hpp"

namespace {

bool served(http::api::host_guard const& guard, std::string authority,
            std::string peer = "127.0.0.1") {
    http::request incoming;
    incoming.authority = std::move(authority);
    incoming.unix_socket = peer == "unix";
    incoming.peer_address = incoming.unix_socket ? "" : std::move(peer);
    auto const refused = guard.check(incoming);
    if (refused) {
        CHECK(refused->status == 421);
    }
    return !refused;
}

}  // namespace

TEST_CASE("on loopback only loopback's names are served", "[http][host]") {
    http::api::host_guard const guard(true, {});
    for (auto const* const good : {"localhost", "LocalHost", "localhost:8000", "127.0.0.1",
                                   "127.0.0.1:80", "[::1]", "[::1]:8000", "localhost:"}) {
        INFO(good);
        CHECK(served(guard, good));
    }
    for (auto const* const bad :
         {"", "evil.example", "localhost.evil.example", "evil.localhost", "127.0.0.1.evil.example",
          "127.0.0.2", "0.0.0.0", "::1", "[::1", "[::1]x", "localhost:80:80", "localhost:x",
          "localhost.", ":8000", "[::2]"}) {
        INFO(bad);
        CHECK_FALSE(served(guard, bad));
    }
}

TEST_CASE("allowed hosts are served too, with their port if they name one", "[http][host]") {
    http::api::host_guard const guard(true, {"broker.example", "other.example:8443"});
    CHECK(served(guard, "localhost"));
    CHECK(served(guard, "Broker.example:9000"));
    CHECK(served(guard, "other.example:8443"));
    CHECK_FALSE(served(guard, "other.example"));
    CHECK_FALSE(served(guard, "other.example:80"));
    CHECK_FALSE(served(guard, "sub.broker.example"));
}

TEST_CASE("elsewhere any name is served unless some are allowed", "[http][host]") {
    CHECK(served(http::api::host_guard(false, {}), "any.example", "10.0.0.1"));
    CHECK(served(http::api::host_guard(false, {}), "", "10.0.0.1"));
    http::api::host_guard const guard(false, {"broker.example"});
    CHECK(served(guard, "broker.example", "10.0.0.1"));
    CHECK_FALSE(served(guard, "localhost", "10.0.0.1"));
}

TEST_CASE("a unix socket serves any name", "[http][host]") {
    CHECK(served(http::api::host_guard(true, {"broker.example"}), "any", "unix"));
}

TEST_CASE("a peer that is not known any more is no unix socket", "[http][host]") {
    CHECK_FALSE(served(http::api::host_guard(true, {}), "evil.example", ""));
    CHECK_FALSE(served(http::api::host_guard(false, {"broker.example"}), "evil.example", ""));
    CHECK(served(http::api::host_guard(true, {}), "localhost", ""));
}
