// SPDX-License-Identifier: Apache-2.0
#include "http/proto/json_web_keys.hpp"

#include "tests/support/catch.hpp"

namespace {

using http::read_json_web_keys;

std::string const x = "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo";  // RFC 8037 §A.1

std::string set(std::string const& keys) { return "{\"keys\":[" + keys + "]}"; }

std::string ed(std::string const& more = {}) {
    return R"({"kty":"OKP","crv":"Ed25519","x":")" + x + "\"" + more + "}";
}

std::string why_not(std::string const& text) {
    auto const read = read_json_web_keys(text);
    return read ? "read" : read.error().detail;
}

/// How many are left of a set that is read.
std::size_t count(std::string const& text) {
    auto const read = read_json_web_keys(text);
    INFO(text << (read ? "" : read.error().detail));
    REQUIRE(read);
    return read->size();
}

}  // namespace

TEST_CASE("a set gives its keys with their bytes", "[http][jwt]") {
    auto const read = read_json_web_keys(
        set(ed(R"(,"kid":"a","use":"sig","alg":"EdDSA","key_ops":["verify"],"nbf":7)") +
            R"(,{"kty":"RSA","n":"_w","e":"AQAB","kid":"b","alg":"RS256"})"));
    REQUIRE(read);
    REQUIRE(read->size() == 2);
    CHECK((*read)[0].id == "a");
    CHECK((*read)[0].ed25519.size() == 32);
    CHECK((*read)[0].rsa_modulus.empty());
    CHECK((*read)[1].id == "b");
    CHECK((*read)[1].rsa_modulus == "\xff");
    CHECK((*read)[1].rsa_exponent == std::string("\x01\x00\x01", 3));
    CHECK_FALSE((*read_json_web_keys(set(ed())))[0].id);
}

TEST_CASE("keys for something else are passed over", "[http][jwt]") {
    CHECK(count(set("")) == 0);
    CHECK(count(set(R"({"kty":"EC","crv":"P-256","x":"a","y":"b"})")) == 0);
    CHECK(count(set(R"({"kty":"OKP","crv":"X25519","x":"a"})")) == 0);
    CHECK(count(set(ed(R"(,"use":"enc")"))) == 0);
    CHECK(count(set(ed(R"(,"use":1)"))) == 0);
    CHECK(count(set(ed(R"(,"alg":"RS256")"))) == 0);
    CHECK(count(set(ed(R"(,"key_ops":["sign"])"))) == 0);
    CHECK(count(set(ed(R"(,"key_ops":"verify")"))) == 0);
    CHECK(count(set(R"({"kty":"RSA","n":"_w","e":"AQAB","alg":"PS256"})")) == 0);
    CHECK(count(set(R"({"kty":"new"},)" + ed())) == 1);
}

TEST_CASE("a private or shared key is refused, whatever stands beside it", "[http][jwt]") {
    CHECK_THAT(why_not(set(ed() + "," + ed(R"(,"d":"AAAA")"))),
               Catch::Matchers::ContainsSubstring("keys[1] is a private key"));
    CHECK_THAT(why_not(set(R"({"kty":"EC","d":"AAAA"})")),
               Catch::Matchers::ContainsSubstring("keys[0] is a private key"));
    CHECK_THAT(why_not(set(R"({"kty":"RSA","n":"_w","e":"AQAB","p":"AA"})")),
               Catch::Matchers::ContainsSubstring("keys[0] is a private key"));
    CHECK(why_not(set(R"({"kty":"oct","k":"AAAA","alg":"HS256"})")) ==
          "keys[0] is a shared secret; only public keys are taken");
}

TEST_CASE("a set that is broken says where", "[http][jwt]") {
    CHECK_THAT(why_not(""), Catch::Matchers::ContainsSubstring("it is not valid JSON"));
    CHECK_THAT(why_not(set(ed()) + "x"),
               Catch::Matchers::ContainsSubstring("it is not valid JSON"));
    CHECK_THAT(why_not(set(ed(R"(,"kid":"a","kid":"b")"))),
               Catch::Matchers::ContainsSubstring("it is not valid JSON"));
    for (auto const& text : {std::string("[]"), std::string("{}"), ed(),
                             std::string(R"({"keys":{}})"), std::string(R"({"keys":null})")}) {
        INFO(text);
        CHECK_THAT(why_not(text), Catch::Matchers::ContainsSubstring("it is no key set"));
    }
    CHECK(why_not(set("7")) == "keys[0] is not an object");
    CHECK(why_not(set("{}")) == "keys[0] has no type (kty)");
    for (auto const* const kid : {"7", "null", "\"\""}) {
        CHECK_THAT(why_not(set(ed(std::string(",\"kid\":") + kid))),
                   Catch::Matchers::ContainsSubstring("has a kid that is not a text"));
    }
    for (auto const* const bad : {"\"\"", "7", "\"AAAA\"", "\"11qYAYKxCrfVS_7TyWQHOg==\""}) {
        CHECK_THAT(why_not(set(std::string(R"({"kty":"OKP","crv":"Ed25519","x":)") + bad + "}")),
                   Catch::Matchers::ContainsSubstring("x that is not 32 bytes"));
    }
    CHECK_THAT(why_not(set(R"({"kty":"RSA","n":"_w","e":"AQ=="})")),
               Catch::Matchers::ContainsSubstring("n or e that is not base64url"));
    CHECK_THAT(why_not(set(R"({"kty":"RSA","e":"AQAB"})")),
               Catch::Matchers::ContainsSubstring("n or e that is not base64url"));
    CHECK_THAT(why_not(set(R"({"kty":"RSA","e":"AQAB","n":")" + std::string(5000, 'A') + "\"}")),
               Catch::Matchers::ContainsSubstring("n or e that is not base64url"));
    std::string many = ed();
    for (int i = 0; i < 100; ++i) {
        many += "," + ed();
    }
    CHECK(why_not(set(many)) == "it has more than 100 keys");
}
