// SPDX-License-Identifier: Apache-2.0
#include "http/api/auth.hpp"

#include "tests/support/catch.hpp"
#include "tests/support/signing_key.hpp"

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

/// The body of the refusal; empty if there is none.
std::string said(authenticator::verdict const& outcome) {
    auto const* const refused = std::get_if<http::response>(&outcome);
    return refused == nullptr ? std::string{} : std::get<std::string>(refused->body);
}

/// A judge at the second 1000 who knows one key, and tokens of that key.
token_judge judge_of_tokens() {
    return {{}, *token_keys::read({{"a.pem", test::signing_key::ed25519().public_pem()}}), [] {
                return broker::moment{broker::wall_time{std::chrono::seconds(1000)}, {}};
            }};
}

std::string token_of(std::string const& user, std::string const& expires = "1300") {
    return test::signing_key::ed25519().token(
        R"({"alg":"EdDSA","typ":"JWT","kid":"lc"})",
        R"({"iss":"librechat","aud":"codeapi","iat":1000,"exp":)" + expires + R"(,"sub":")" + user +
            R"("})");
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
             {{"X-API-Key", "alpha"}, {"Authorization", "Bearer wrong"}},
             {{"X-API-Key", "alpha"}, {"Authorization", "Bearer beta"}},
             {{"X-API-Key", "alpha"}, {"Authorization", "Digest x"}},
             {{"Authorization", "Bearer"}},
             {{"Authorization", "Bearer "}},
             {{"Authorization", "alpha"}},
             {{"Authorization", "Digest alpha"}},
             {{"Authorization", "Basic alpha"}},
             {{"Authorization", "Basic OmFscGhh"}},  // :alpha
             {{"Authorization", "Basic YWxwaGE"}},   // alpha, without the padding
             {{"Authorization", "Basic "}},
             {{"Authorization", "Basic"}},
             {{"Authorization", "Bearer a.b.c"}},
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

TEST_CASE("two credentials of one tenant are one", "[http][auth]") {
    key_ring const keys({{hash_key("alpha"), "a"}, {hash_key("alias"), "a"}, {hash_key("b"), "b"}});
    authenticator const judge(keys, true, {});
    auto const both = [&](std::string key, std::string authorization) {
        return judge.check(from("127.0.0.1", {{"X-API-Key", std::move(key)},
                                              {"Authorization", std::move(authorization)}}));
    };
    CHECK(std::get<caller>(both("alpha", "Bearer alpha")).tenant == "a");
    CHECK(std::get<caller>(both("alpha", "Basic YWxpYXM6")).tenant == "a");
    CHECK_THAT(said(both("alpha", "Bearer b")),
               Catch::Matchers::ContainsSubstring("are not of one tenant"));
    CHECK_THAT(said(both("alpha", "Bearer c")), Catch::Matchers::ContainsSubstring("is not known"));
}

TEST_CASE("the key of a curl or axios user has any password", "[http][auth]") {
    key_ring const keys({{hash_key("kb_V1StGXR8_Z5jdHi6B-myTV1StGXR8_Z5jdHi6B-myT"), "a"}});
    authenticator const judge(keys, true, {});
    for (auto const* const value :
         {// printf KEY | base64, as node-fetch sends http://KEY@host
          "Basic a2JfVjFTdEdYUjhfWjVqZEhpNkItbXlUVjFTdEdYUjhfWjVqZEhpNkItbXlU",
          // printf KEY: | base64, as axios does
          "Basic a2JfVjFTdEdYUjhfWjVqZEhpNkItbXlUVjFTdEdYUjhfWjVqZEhpNkItbXlUOg==",
          // printf KEY:pw | base64
          "Basic a2JfVjFTdEdYUjhfWjVqZEhpNkItbXlUVjFTdEdYUjhfWjVqZEhpNkItbXlUOnB3"}) {
        INFO(value);
        CHECK(who(judge, from("10.0.0.1", {{"Authorization", value}})) == "a");
    }
}

TEST_CASE("a bearer token is judged where tokens are", "[http][auth][jwt]") {
    auto const keys = ring();
    auto const tokens = judge_of_tokens();
    authenticator const judge(keys, true, {*network::parse("10.0.0.0/8")}, &tokens);
    auto const bearer = [](std::string value, std::string peer = "127.0.0.1") {
        return from(std::move(peer), {{"Authorization", "Bearer " + std::move(value)}});
    };
    auto const alice = who(judge, bearer(token_of("alice")));
    CHECK(alice.starts_with("jwt:"));
    CHECK(who(judge, bearer(token_of("alice"), "10.0.0.1")) == alice);
    CHECK(who(judge, bearer(token_of("bob"))) != alice);
    CHECK(who(judge, bearer("alpha")) == "a");
    CHECK(who(judge, bearer("gamma")) == "401");
    CHECK(who(judge, bearer(token_of("alice", "900"))) == "401");
    CHECK(who(judge, bearer(token_of("alice", "900"), "10.0.0.1")) == "401");
    // Nowhere else, and not beside a key of another tenant.
    CHECK(who(judge, from("127.0.0.1", {{"X-API-Key", token_of("alice")}})) == "401");
    CHECK(who(judge, from("127.0.0.1", {{"Authorization", "Basic " + token_of("alice")}})) ==
          "401");
    CHECK(who(judge, from("127.0.0.1", {{"X-API-Key", "alpha"},
                                        {"Authorization", "Bearer " + token_of("alice")}})) ==
          "401");
}

TEST_CASE("a refused token is told why, with RFC 6750's word and nothing of it",
          "[http][auth][jwt]") {
    auto const keys = ring();
    auto const tokens = judge_of_tokens();
    authenticator const judge(keys, true, {}, &tokens);
    auto const token = token_of("alice", "900");
    auto const outcome = judge.check(from("127.0.0.1", {{"Authorization", "Bearer " + token}}));
    auto const& answer = std::get<http::response>(outcome);
    CHECK(answer.status == 401);
    CHECK(*answer.headers.find("WWW-Authenticate") ==
          "Bearer realm=\"kernel-broker\", error=\"invalid_token\"");
    CHECK(answer.headers.count("WWW-Authenticate") == 1);
    CHECK_THAT(said(outcome), Catch::Matchers::ContainsSubstring("\"code\":\"invalid_token\""));
    CHECK_THAT(said(outcome), Catch::Matchers::ContainsSubstring(
                                  "The token is not accepted: it has expired (exp)."));
    CHECK(said(outcome).find("alice") == std::string::npos);
    CHECK(said(outcome).find(token.substr(0, 12)) == std::string::npos);
    authenticator const without(keys, true, {});
    CHECK_THAT(said(without.check(from("127.0.0.1", {{"Authorization", "Bearer " + token}}))),
               Catch::Matchers::ContainsSubstring("jwt_key_files"));
}

TEST_CASE("where tokens are judged no door is open", "[http][auth][jwt]") {
    key_ring const none;
    auto const tokens = judge_of_tokens();
    authenticator const judge(none, true, {*network::parse("10.0.0.0/8")}, &tokens);
    CHECK(who(judge, from("127.0.0.1", {})) == "401");
    CHECK(who(judge, from("127.0.0.1", {{"X-API-Key", "any"}})) == "401");
    CHECK(who(judge, from("10.0.0.1", {})) == "default");
    CHECK(who(judge, from("10.0.0.1", {{"X-API-Key", "any"}})) == "401");
    CHECK(who(judge, from("10.0.0.1", {{"Authorization", "Bearer a.b.c"}})) == "401");
}

TEST_CASE("a key in the body counts only where nothing else could", "[http][auth]") {
    auto const keys = ring();
    authenticator const judge(keys, true, {*network::parse("10.0.0.0/8")});
    CHECK(judge.lacks_credentials(from("127.0.0.1", {})));
    CHECK(judge.lacks_credentials(from("", {{"User-Id", "u"}})));
    CHECK_FALSE(judge.lacks_credentials(from("10.0.0.1", {})));
    CHECK_FALSE(judge.lacks_credentials(from("127.0.0.1", {{"X-API-Key", "alpha"}})));
    CHECK_FALSE(judge.lacks_credentials(from("127.0.0.1", {{"X-API-Key", ""}})));
    CHECK_FALSE(judge.lacks_credentials(from("127.0.0.1", {{"Authorization", "Digest x"}})));
    key_ring const none;
    CHECK_FALSE(authenticator(none, true, {}).lacks_credentials(from("127.0.0.1", {})));
    auto const tokens = judge_of_tokens();
    CHECK(authenticator(none, true, {}, &tokens).lacks_credentials(from("127.0.0.1", {})));

    CHECK(std::get<caller>(judge.check_body_key("alpha")).tenant == "a");
    CHECK_THAT(said(judge.check_body_key("")),
               Catch::Matchers::ContainsSubstring("No key was sent"));
    for (auto const& wrong : {std::string("my-secret"), std::string("alpha "),
                              std::string("a\0b", 3), std::string(1 << 20, 'a')}) {
        auto const outcome = judge.check_body_key(wrong);
        CHECK_THAT(said(outcome), Catch::Matchers::ContainsSubstring("The key is not known"));
        CHECK(said(outcome).find("my-secret") == std::string::npos);
        CHECK(std::get<http::response>(outcome).headers.count("WWW-Authenticate") == 2);
    }
    authenticator const with_tokens(keys, true, {}, &tokens);
    CHECK_FALSE(said(with_tokens.check_body_key(token_of("alice"))).empty());
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
