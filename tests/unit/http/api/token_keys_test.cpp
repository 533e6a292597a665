// SPDX-License-Identifier: Apache-2.0
#include "http/api/token_keys.hpp"

#include "tests/support/catch.hpp"
#include "tests/support/signing_key.hpp"

namespace {

using namespace http::api;
using Catch::Matchers::ContainsSubstring;
using test::signing_key;

std::string set(std::string const& keys) { return "{\"keys\":[" + keys + "]}"; }

std::string why_not(std::vector<token_keys::file> const& files) {
    auto const read = token_keys::read(files);
    return read ? "read" : read.error().detail;
}

token_keys keys_of(std::vector<token_keys::file> const& files) {
    auto read = token_keys::read(files);
    INFO((read ? "" : read.error().detail));
    REQUIRE(read);
    return *std::move(read);
}

}  // namespace

TEST_CASE("a PEM file is one key", "[http][jwt]") {
    auto const ed = keys_of({{"/keys/lc-2026.pem", signing_key::ed25519().public_pem()}});
    REQUIRE(ed.all().size() == 1);
    CHECK(ed.all()[0].algorithm == token_algorithm::eddsa);
    CHECK(ed.all()[0].id == "lc-2026");
    auto const rsa = keys_of({{"public", "# ours\n" + signing_key::rsa().public_pem() + "\n\n"}});
    CHECK(rsa.all()[0].algorithm == token_algorithm::rs256);
    CHECK(rsa.all()[0].id == "public");
}

TEST_CASE("what must not be a key of tokens is refused with its reason", "[http][jwt]") {
    auto const pem = [](std::string const& text) {
        return why_not({{"/keys/a.pem", text}});
    };
    CHECK(pem("") == "/keys/a.pem: it is neither PEM nor a JWK set");
    CHECK(pem("ssh-ed25519 AAAA") == "/keys/a.pem: it is neither PEM nor a JWK set");
    CHECK_THAT(pem(signing_key::ed25519().private_pem()), ContainsSubstring("a private key"));
    CHECK_THAT(pem(signing_key::rsa().public_pem() + signing_key::rsa().private_pem()),
               ContainsSubstring("a private key"));
    CHECK_THAT(pem(signing_key::rsa().public_pem() + signing_key::ed25519().public_pem()),
               ContainsSubstring("more than one key"));
    CHECK_THAT(pem("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"),
               ContainsSubstring("something else than a public key"));
    CHECK_THAT(pem("-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n"),
               ContainsSubstring("cannot be read as a key"));
    auto const good = signing_key::rsa().public_pem();
    CHECK_THAT(pem(good.substr(0, good.size() / 2)), ContainsSubstring("cannot be read as a key"));
    // A pass phrase is never asked for.
    CHECK_THAT(pem("-----BEGIN PUBLIC KEY-----\nProc-Type: 4,ENCRYPTED\nDEK-Info: AES-128-CBC,"
                   "00112233445566778899AABBCCDDEEFF\n\nAAAA\n-----END PUBLIC KEY-----\n"),
               ContainsSubstring("cannot be read as a key"));
    CHECK_THAT(pem(signing_key("RSA", 1024).public_pem()),
               ContainsSubstring("is RSA of 1024 bits; 2048 to 8192 are taken"));
    CHECK_THAT(pem(signing_key("EC", "P-256").public_pem()),
               ContainsSubstring("neither an Ed25519 nor an RSA key"));
    CHECK_THAT(pem(signing_key("ED448").public_pem()),
               ContainsSubstring("neither an Ed25519 nor an RSA key"));
    CHECK_THAT(pem(signing_key("RSA-PSS", 2048).public_pem()),
               ContainsSubstring("neither an Ed25519 nor an RSA key"));
}

TEST_CASE("a set of keys is judged key by key", "[http][jwt]") {
    auto const jwks = [](std::string const& keys) {
        return why_not({{"k.json", set(keys)}});
    };
    auto const rsa = signing_key::rsa().jwk();
    auto const with = [&](std::string const& exponent) {
        return rsa.substr(0, rsa.find(",\"e\"")) + ",\"e\":\"" + exponent + "\",\"kid\":\"r\"}";
    };
    CHECK(keys_of({{"k.json", " \n" + set(rsa)}}).all()[0].algorithm == token_algorithm::rs256);
    CHECK(keys_of({{"k.json", set(with("AAEAAQ"))}}).all().size() == 1);
    CHECK_THAT(jwks(with("AQ")), ContainsSubstring("k.json: its key \"r\" has an RSA exponent"));
    CHECK_THAT(jwks(with("Aw")), ContainsSubstring("has an RSA exponent"));
    CHECK_THAT(jwks(with("AQAAAAAAAAAB")), ContainsSubstring("has an RSA exponent"));
    CHECK_THAT(jwks(with("AQAC")), ContainsSubstring("not a sound key"));
    CHECK_THAT(jwks(R"({"kty":"RSA","e":"AQAB","n":")" + test::base64url(std::string(128, '\xff')) +
                    "\"}"),
               ContainsSubstring("its key without a kid is RSA of 1024 bits"));
    CHECK_THAT(jwks(R"({"kty":"RSA","e":"AQAB","n":")" +
                    test::base64url(std::string(1025, '\x7f')) + "\"}"),
               ContainsSubstring("2048 to 8192 are taken"));
    CHECK_THAT(jwks(R"({"kty":"RSA","e":"AQAB","n":")" +
                    test::base64url(std::string(255, '\xff') + "\xfe") + "\"}"),
               ContainsSubstring("not a sound key"));
    CHECK(jwks("") == "k.json: it holds no key for EdDSA (Ed25519) or RS256");
    CHECK(jwks(R"({"kty":"EC"})") == "k.json: it holds no key for EdDSA (Ed25519) or RS256");
    CHECK_THAT(jwks(R"({"kty":"oct","k":"AA"})"), ContainsSubstring("a shared secret"));
}

TEST_CASE("keys side by side are told apart by kid", "[http][jwt]") {
    auto const& ed = signing_key::ed25519();
    auto const& rsa = signing_key::rsa();
    auto const both =
        keys_of({{"k.json", set(ed.jwk(R"(,"kid":"a")"))}, {"/x/b.pem", rsa.public_pem()}});
    CHECK(both.find("a")->algorithm == token_algorithm::eddsa);
    CHECK(both.find("b")->algorithm == token_algorithm::rs256);
    CHECK(both.find("c") == nullptr);
    CHECK(both.find("") == nullptr);
    CHECK(both.find("b.pem") == nullptr);
    CHECK(both.find(std::nullopt) == nullptr);
    CHECK(why_not({{"k.json", set(ed.jwk(R"(,"kid":"a")") + "," + rsa.jwk(R"(,"kid":"a")"))}}) ==
          "k.json: two keys have the kid \"a\"");
    CHECK(why_not({{"/x/a.pem", ed.public_pem()}, {"/y/a.pem", rsa.public_pem()}}) ==
          "/y/a.pem: two keys have the kid \"a\"");
    CHECK_THAT(why_not({{"k.json", set(ed.jwk(R"(,"kid":"a")") + "," + rsa.jwk())}}),
               ContainsSubstring("a key has no kid; beside other keys"));
    CHECK_THAT(why_not({{"1.json", set(ed.jwk())}, {"2.json", set(rsa.jwk(R"(,"kid":"a")"))}}),
               ContainsSubstring("2.json: a key has no kid"));
}

TEST_CASE("the only key serves any kid unless it has its own", "[http][jwt]") {
    auto const& ed = signing_key::ed25519();
    auto const named = keys_of({{"k.json", set(ed.jwk(R"(,"kid":"a")"))}});
    CHECK(named.find("a") != nullptr);
    CHECK(named.find(std::nullopt) != nullptr);
    CHECK(named.find("b") == nullptr);
    for (auto const& nameless :
         {keys_of({{"k.json", set(ed.jwk())}}), keys_of({{"/x/public.pem", ed.public_pem()}})}) {
        CHECK(nameless.find("lc-codeapi-2026-05") != nullptr);
        CHECK(nameless.find(std::nullopt) != nullptr);
    }
    CHECK(token_keys{}.find(std::nullopt) == nullptr);
    CHECK(token_keys{}.find("a") == nullptr);
}

TEST_CASE("a signature is checked with the algorithm of the key", "[http][jwt]") {
    // RFC 8037 §A.4: a key and a signature that are not of our making.
    auto const rfc =
        keys_of({{"k.json", set(R"({"kty":"OKP","crv":"Ed25519","x":)"
                                R"("11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"})")}});
    std::string const what = "eyJhbGciOiJFZERTQSJ9.RXhhbXBsZSBvZiBFZDI1NTE5IHNpZ25pbmc";
    std::string const signature =
        "\x86\x0c\x98\xd2\x29\x7f\x30\x60\xa3\x3f\x42\x73\x96\x72\xd6\x1b"
        "\x53\xcf\x3a\xde\xfe\xd3\xd3\xc6\x72\xf3\x20\xdc\x02\x1b\x41\x1e"
        "\x9d\x59\xb8\x62\x8d\xc3\x51\xe2\x48\xb8\x8b\x29\x46\x8e\x0e\x41"
        "\x85\x5b\x0f\xb7\xd8\x3b\xb1\x5b\xe9\x02\xbf\xcc\xb8\xcd\x0a\x02";
    CHECK(has_signature(rfc.all()[0], what, signature));
    for (auto const* one : {&signing_key::ed25519(), &signing_key::rsa()}) {
        auto const key = keys_of({{"k.json", set(one->jwk())}}).all()[0];
        auto right = one->sign("text");
        CHECK(has_signature(key, "text", right));
        CHECK_FALSE(has_signature(key, "texT", right));
        CHECK_FALSE(has_signature(key, "text", ""));
        CHECK_FALSE(has_signature(key, "text", right + '\0'));
        CHECK_FALSE(has_signature(key, "text", right.substr(1)));
        CHECK_FALSE(has_signature(key, "text", std::string(right.size(), '\0')));
        right[5] = static_cast<char>(right[5] ^ 1);
        CHECK_FALSE(has_signature(key, "text", right));
    }
}
