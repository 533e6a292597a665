// SPDX-License-Identifier: Apache-2.0
#include "http/api/auth.hpp"

#include "tests/support/catch.hpp"

namespace {

using namespace http::api;

http::request from(std::string peer,
                   std::initializer_list<std::pair<char const*, std::string>> headers) {
    http::request out;
    out.peer_address = std::move(peer);
    for (auto const& [name, value] : headers) {
        out.headers.add(name, value);
    }
    return out;
}

/// The tenant, or the status.
std::string who(authenticator const& judge, http::request const& incoming) {
    auto const outcome = judge.check(incoming);
    if (auto const* const known = std::get_if<caller>(&outcome)) {
        return known->tenant;
    }
    return std::to_string(std::get<http::response>(outcome).status);
}

key_ring ring() { return key_ring({{hash_key("alpha"), "a"}, {hash_key("beta"), "b"}}); }

}  // namespace

TEST_CASE("a key is taken from each of its three places", "[http][auth]") {
    auto const keys = ring();
    authenticator const judge(keys, true, {});
    CHECK(who(judge, from("127.0.0.1", {{"X-API-Key", "alpha"}})) == "a");
    CHECK(who(judge, from("127.0.0.1", {{"x-api-key", "beta"}})) == "b");
    CHECK(who(judge, from("127.0.0.1", {{"Authorization", "Bearer beta"}})) == "b");
    CHECK(who(judge, from("127.0.0.1", {{"Authorization", "bearer  alpha"}})) == "a");
    CHECK(who(judge, from("127.0.0.1", {{"Authorization", "Basic YWxwaGE="}})) == "a");  // alpha
    CHECK(who(judge, from("127.0.0.1", {{"Authorization", "Basic YWxwaGE6"}})) == "a");  // alpha:
    CHECK(who(judge, from("127.0.0.1", {{"Authorization", "basic YWxwaGE6cHc6eA=="}})) ==
          "a");  // alpha:pw:x
    CHECK(who(judge, from("", {{"X-API-Key", "alpha"}})) == "a");
}

TEST_CASE("a missing, wrong or doubtful key is 401", "[http][auth]") {
    auto const keys = ring();
    authenticator const judge(keys, true, {});
    for (auto const& headers : std::vector<std::vector<std::pair<std::string, std::string>>>{
             {},
             {{"X-API-Key", ""}},
             {{"X-API-Key", "Alpha"}},
             {{"X-API-Key", "alpha "}},
             {{"X-API-Key", "alph"}},
             {{"X-API-Key", std::string(5000, 'a')}},
             {{"X-API-Key", "alpha"}, {"X-API-Key", "alpha"}},
             {{"X-API-Key", "wrong"}, {"Authorization", "Bearer alpha"}},
             {{"Authorization", "Bearer"}},
             {{"Authorization", "Bearer "}},
             {{"Authorization", "alpha"}},
             {{"Authorization", "Digest alpha"}},
             {{"Authorization", "Basic alpha"}},
             {{"Authorization", "Basic OmFscGhh"}},  // :alpha
             {{"Authorization", "Basic YWx waGE="}},
             {{"Authorization", "Bearer alpha"}, {"Authorization", "Bearer alpha"}},
         }) {
        http::request incoming;
        incoming.peer_address = "127.0.0.1";
        for (auto const& [name, value] : headers) {
            INFO(name << ": " << value.substr(0, 40));
            incoming.headers.add(name, value);
        }
        CHECK(who(judge, incoming) == "401");
    }
}

TEST_CASE("401 says how to send a key, and not what was wrong with it", "[http][auth]") {
    auto const keys = ring();
    authenticator const judge(keys, true, {});
    auto const outcome = judge.check(from("127.0.0.1", {{"X-API-Key", "my-secret"}}));
    auto const& answer = std::get<http::response>(outcome);
    CHECK(answer.headers.count("WWW-Authenticate") == 2);
    CHECK(std::get<std::string>(answer.body).find("my-secret") == std::string::npos);
    CHECK(std::get<std::string>(answer.body).find("\"code\":\"unauthorized\"") !=
          std::string::npos);
}

TEST_CASE("without keys only a local listener is open", "[http][auth]") {
    key_ring const none;
    CHECK(who(authenticator(none, true, {}), from("127.0.0.1", {})) == "default");
    CHECK(who(authenticator(none, true, {}), from("", {})) == "default");
    CHECK(who(authenticator(none, true, {}), from("127.0.0.1", {{"X-API-Key", "any"}})) ==
          "default");
    CHECK(who(authenticator(none, false, {}), from("127.0.0.1", {})) == "401");
    CHECK(who(authenticator(none, false, {}), from("10.0.0.1", {{"X-API-Key", "any"}})) == "401");
}

TEST_CASE("a trusted peer needs no key, but a wrong one is still wrong", "[http][auth]") {
    auto const keys = ring();
    authenticator const judge(keys, false,
                              {*network::parse("10.1.0.0/16"), *network::parse("::1")});
    CHECK(who(judge, from("10.1.2.3", {})) == "default");
    CHECK(who(judge, from("::1", {})) == "default");
    CHECK(who(judge, from("10.2.0.1", {})) == "401");
    CHECK(who(judge, from("", {})) == "401");
    CHECK(who(judge, from("10.1.2.3", {{"X-API-Key", "beta"}})) == "b");
    CHECK(who(judge, from("10.1.2.3", {{"X-API-Key", "wrong"}})) == "401");
    key_ring const none;
    authenticator const open(none, false, {*network::parse("10.1.0.0/16")});
    CHECK(who(open, from("10.1.2.3", {{"Authorization", "Bearer x"}})) == "default");
    CHECK(who(open, from("10.2.0.1", {})) == "401");
}

TEST_CASE("replaced keys count from the next request", "[http][auth]") {
    auto keys = key_ring();
    keys.replace({{hash_key("alpha"), "a"}});
    authenticator const judge(keys, true, {});
    auto const incoming = from("127.0.0.1", {{"X-API-Key", "alpha"}});
    CHECK(who(judge, incoming) == "a");
    keys.replace({{hash_key("beta"), "b"}});
    CHECK(who(judge, incoming) == "401");
}

TEST_CASE("networks hold the addresses of their block", "[http][auth]") {
    auto const holds = [](char const* block, char const* address) {
        auto const parsed = network::parse(block);
        REQUIRE(parsed);
        return parsed->contains(address);
    };
    CHECK(holds("10.0.0.0/8", "10.255.0.1"));
    CHECK_FALSE(holds("10.0.0.0/8", "11.0.0.1"));
    CHECK(holds("192.168.1.128/25", "192.168.1.200"));
    CHECK_FALSE(holds("192.168.1.128/25", "192.168.1.100"));
    CHECK(holds("0.0.0.0/0", "8.8.8.8"));
    CHECK_FALSE(holds("0.0.0.0/0", "2001:db8::1"));
    CHECK(holds("10.0.0.0/8", "::ffff:10.0.0.1"));
    CHECK(holds("fe80::/10", "fe80::1%eth0"));
    CHECK(holds("::/0", "10.0.0.1"));
    CHECK(holds("2001:db8::7", "2001:db8::7"));
    CHECK_FALSE(holds("2001:db8::7", "2001:db8::8"));
    CHECK_FALSE(holds("10.0.0.0/8", ""));
    CHECK_FALSE(holds("10.0.0.0/8", "ten"));
    for (auto const* const bad :
         {"", "10.0.0.1/8", "10.0.0.0/33", "::/129", "10.0.0.0/", "10.0.0.0/a", "10.0.0.0/008x",
          "10.0.0/8", "fd00::1/8", "10.0.0.0/-1", "host"}) {
        INFO(bad);
        CHECK_FALSE(network::parse(bad));
    }
}
