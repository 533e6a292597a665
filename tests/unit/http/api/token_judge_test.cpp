// SPDX-License-Identifier: Apache-2.0
#include "http/api/token_judge.hpp"

#include "tests/support/catch.hpp"
#include "tests/support/signing_key.hpp"

#include <nlohmann/json.hpp>

namespace {

using namespace http::api;
using nlohmann::json;
using test::signing_key;

constexpr std::int64_t now = 1'800'000'000;

broker::wall_time at(double seconds) {
    return broker::wall_time{std::chrono::milliseconds(static_cast<std::int64_t>(seconds * 1000))};
}

/// As LibreChat makes them.
json claims() {
    return {
        {"iss", "librechat"}, {"aud", "codeapi"}, {"sub", "66f0c0ffee"}, {"iat", now},
        {"nbf", now},         {"exp", now + 300}, {"jti", "j"},          {"tenant_id", "legacy"},
        {"role", "USER"}};
}

json without(char const* name) {
    auto out = claims();
    out.erase(name);
    return out;
}

json with(char const* name, json value) {
    auto out = claims();
    out[name] = std::move(value);
    return out;
}

std::string header(std::string const& algorithm, std::string const& kid) {
    return json{{"alg", algorithm}, {"typ", "JWT"}, {"kid", kid}}.dump();
}

/// Ed25519 as "ed", RSA as "rsa".
token_keys const& keys() {
    static token_keys const all =
        *token_keys::read({{"k.json", "{\"keys\":[" + signing_key::ed25519().jwk(R"(,"kid":"ed")") +
                                          "," + signing_key::rsa().jwk(R"(,"kid":"rsa")") + "]}"}});
    return all;
}

/// "good", or what is wrong.
std::string verified(std::string_view token, token_rules const& rules = {}, double when = now) {
    auto const found = verify_token(token, keys(), rules, at(when));
    return found ? "good" : found.error().detail;
}

std::string judged(json const& payload, token_rules const& rules = {}, double when = now) {
    return verified(signing_key::ed25519().token(header("EdDSA", "ed"), payload.dump()), rules,
                    when);
}

token_rules only(token_algorithm algorithm) {
    token_rules rules;
    rules.algorithms = {algorithm};
    return rules;
}

constexpr char const* not_accepted = "its algorithm (alg) is not one that is accepted here";
constexpr char const* not_fitting = "its algorithm (alg) does not fit the key";

}  // namespace

TEST_CASE("a token of each algorithm is good", "[http][jwt]") {
    CHECK(judged(claims()) == "good");
    CHECK(verified(signing_key::rsa().token(header("RS256", "rsa"), claims().dump())) == "good");
    CHECK(judged(with("aud", json::array({"other", "codeapi"}))) == "good");
    CHECK(judged(without("nbf")) == "good");
    CHECK(judged(without("tenant_id")) == "good");
    CHECK(judged(with("exp", now + 299.5)) == "good");
}

TEST_CASE("each claim that is wrong is named", "[http][jwt]") {
    CHECK(judged(without("iss")) == "iss is missing");
    CHECK(judged(with("iss", "LibreChat")) == "iss is not librechat");
    CHECK(judged(without("aud")) == "aud is missing");
    CHECK(judged(with("aud", json::array())) == "aud is missing");
    CHECK(judged(with("aud", "codeap")) == "aud is not codeapi");
    CHECK(judged(with("aud", json::array({"a", "b"}))) == "aud is not codeapi");
    CHECK(judged(without("sub")) == "sub is missing");
    CHECK(judged(with("sub", "")) == "sub is not a text of 1 to 256 bytes");
    CHECK(judged(with("sub", 7)) == "sub is not a text of 1 to 256 bytes");
    CHECK(judged(with("tenant_id", nullptr)) == "tenant_id is not a text of 1 to 256 bytes");
    CHECK(judged(without("exp")) == "exp is missing");
    CHECK(judged(without("iat")) == "iat is missing");
    CHECK(judged(with("exp", std::to_string(now + 300))) ==
          "exp is not a time in seconds since 1970");
    CHECK(judged(json::array()) == "its payload is not a JSON object");
    token_rules ours;
    ours.issuer = "https://chat.example.org";
    ours.audience = "kernels";
    CHECK(judged(claims(), ours) == "iss is not https://chat.example.org");
    CHECK(judged(with("iss", ours.issuer), ours) == "aud is not kernels");
}

TEST_CASE("times hold within the skew of clocks and no longer", "[http][jwt]") {
    CHECK(judged(claims(), {}, now + 329.9) == "good");
    CHECK(judged(claims(), {}, now + 330) == "it has expired (exp)");
    CHECK(judged(claims(), {}, now - 30) == "good");
    constexpr char const* early =
        "it is not valid yet (iat lies in the future; compare the clocks)";
    CHECK(judged(claims(), {}, now - 30.1) == early);
    CHECK(judged(with("iat", now + 31)) == early);
    CHECK(judged(with("nbf", now + 31)) ==
          "it is not valid yet (nbf lies in the future; compare the clocks)");
    CHECK(judged(with("nbf", now + 30)) == "good");
    token_rules exact;
    exact.clock_skew_s = 0;
    CHECK(judged(claims(), exact, now + 299.9) == "good");
    CHECK(judged(claims(), exact, now + 300) == "it has expired (exp)");
    CHECK(judged(claims(), exact, now - 0.1) == early);
}

TEST_CASE("a token lives no longer than it may", "[http][jwt]") {
    constexpr char const* too_long = "its life time (exp - iat) is not within 0 and 600 s";
    CHECK(judged(with("exp", now + 600)) == "good");
    CHECK(judged(with("exp", now + 601)) == too_long);
    CHECK(judged(with("exp", now)) == too_long);
    CHECK(judged(with("exp", now - 1)) == too_long);
    CHECK(judged(with("iat", 0)) == too_long);
    token_rules longer;
    longer.max_lifetime_s = 3600;
    CHECK(judged(with("exp", now + 3600), longer) == "good");
}

TEST_CASE("the key decides about the algorithm, never the token", "[http][jwt]") {
    auto const& ed = signing_key::ed25519();
    auto const& rsa = signing_key::rsa();
    auto const payload = claims().dump();
    CHECK(verified(ed.token(header("RS256", "ed"), payload)) == not_fitting);
    CHECK(verified(rsa.token(header("EdDSA", "rsa"), payload)) == not_fitting);
    CHECK(verified(ed.token(header("EdDSA", "rsa"), payload)) == not_fitting);
    CHECK(verified(ed.token(header("RS256", "rsa"), payload)) == "its signature is wrong");
    for (auto const* const other : {"none", "None", "NONE", "HS256", "HS512", "RS512", "PS256",
                                    "ES256", "Ed25519", "eddsa", "rs256", "EdDSA "}) {
        INFO(other);
        CHECK(verified(ed.token(header(other, "ed"), payload)) == not_accepted);
    }
    auto const unsigned_token = ed.token(header("none", "ed"), payload);
    CHECK(verified(unsigned_token.substr(0, unsigned_token.rfind('.') + 1)) == not_accepted);
    // The public key as a secret of HMAC, the classic.
    for (auto const& secret : {rsa.public_pem(), rsa.jwk()}) {
        CHECK(verified(test::shared_secret_token(secret, header("HS256", "rsa"), payload)) ==
              not_accepted);
        CHECK(verified(test::shared_secret_token(secret, header("RS256", "rsa"), payload)) ==
              "its signature is wrong");
    }
    auto const good_ed = ed.token(header("EdDSA", "ed"), payload);
    auto const good_rsa = rsa.token(header("RS256", "rsa"), payload);
    CHECK(verified(good_ed, only(token_algorithm::rs256)) == not_accepted);
    CHECK(verified(good_rsa, only(token_algorithm::rs256)) == "good");
    CHECK(verified(good_rsa, only(token_algorithm::eddsa)) == not_accepted);
}

TEST_CASE("a token names a key that is known", "[http][jwt]") {
    auto const& ed = signing_key::ed25519();
    CHECK(verified(ed.token(header("EdDSA", "other"), claims().dump())) ==
          "the key it names (kid) is not known here");
    CHECK(verified(ed.token(R"({"alg":"EdDSA"})", claims().dump())) ==
          "it names no key (kid), and there are several");
    CHECK(verified(signing_key("ED25519").token(header("EdDSA", "ed"), claims().dump())) ==
          "its signature is wrong");
    // A key that the token brings along is not a key.
    signing_key const own{"ED25519"};
    CHECK(verified(own.token(R"({"alg":"EdDSA","kid":"ed","jwk":)" + own.jwk() + "}",
                             claims().dump())) == "its signature is wrong");
}

TEST_CASE("a token that was touched is refused, and no piece of it is told", "[http][jwt]") {
    auto const good = signing_key::ed25519().token(header("EdDSA", "ed"), claims().dump());
    for (std::size_t i = 0; i < good.size(); ++i) {
        auto touched = good;
        touched[i] = touched[i] == 'A' ? 'B' : 'A';
        auto const why = verified(touched);
        INFO(i << ": " << why);
        CHECK(why != "good");
        CHECK(why.find("66f0c0ffee") == std::string::npos);
        CHECK(verified(std::string_view{good}.substr(0, i)) != "good");
    }
    CHECK(verified(good + "A") != "good");
    CHECK(verified(good + std::string(9000, 'A')) == "it is longer than 8192 bytes");
    // Claims are not looked at before the signature is right.
    auto const cut = good.substr(0, good.find('.') + 1);
    CHECK(verified(cut + test::base64url("[") + good.substr(good.rfind('.'))) ==
          "its signature is wrong");
}

TEST_CASE("two users never share a tenant, and none has that of a key", "[http][jwt]") {
    auto const tenant = [](std::optional<std::string> tenant_id, std::string subject) {
        http::token_claims of;
        of.issuer = "librechat";
        of.tenant_id = std::move(tenant_id);
        of.subject = std::move(subject);
        return tenant_of(of);
    };
    // printf 'librechat\0legacy\0alice' | sha256sum
    CHECK(tenant("legacy", "alice") ==
          "jwt:ed15197ecf4a91a75eb2f28c0c98ad739d1c8d23343f4c8c18ad929b97db8d5f");
    CHECK(tenant("legacy", "alice") == tenant("legacy", "alice"));
    CHECK(tenant("legacy", "alice") != tenant("legacy", "bob"));
    CHECK(tenant("legacy", "alice") != tenant("other", "alice"));
    CHECK(tenant("legacy", "alice") != tenant(std::nullopt, "alice"));
    CHECK(tenant("a", "bc") != tenant("ab", "c"));
    CHECK(tenant("default", "default").size() == 4 + 64);
    auto other = http::token_claims{};
    other.issuer = "other";
    other.tenant_id = "legacy";
    other.subject = "alice";
    CHECK(tenant_of(other) != tenant("legacy", "alice"));
}

TEST_CASE("a judge goes by its clock, and by new keys at once", "[http][jwt]") {
    double when = now;
    token_judge judge({}, keys(), [&] { return broker::moment{at(when), {}}; });
    auto const token = signing_key::ed25519().token(header("EdDSA", "ed"), claims().dump());
    auto const first = judge.judge(token);
    REQUIRE(first);
    CHECK(judge.judge(token));  // a token is used many times
    judge.replace(*token_keys::read({{"a.pem", signing_key("ED25519").public_pem()}}));
    CHECK(judge.judge(token).error().detail == "its signature is wrong");
    judge.replace(keys());
    CHECK(*judge.judge(token) == *first);
    when = now + 400;
    CHECK(judge.judge(token).error().detail == "it has expired (exp)");
}
