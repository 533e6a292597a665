// SPDX-License-Identifier: Apache-2.0
#include "http/proto/json_web_token.hpp"

#include "tests/support/base64url.hpp"
#include "tests/support/catch.hpp"

namespace {

using namespace http;
using test::base64url;

std::string token(std::string_view header, std::string_view payload = "{}",
                  std::string_view signature = "sig") {
    return base64url(header) + "." + base64url(payload) + "." + base64url(signature);
}

std::string why_not_opened(std::string_view text) {
    auto const opened = open_token(text);
    return opened ? "opened" : opened.error().detail;
}

std::string why_not_read(std::string_view payload) {
    auto const read = read_claims(base64url(payload));
    return read ? "read" : read.error().detail;
}

constexpr char const* not_three = "it is not three parts of base64url joined by dots";

}  // namespace

TEST_CASE("an envelope has algorithm, key and what is signed", "[http][jwt]") {
    auto const text =
        token(R"({"alg":"EdDSA","typ":"JWT","kid":"lc-codeapi-2026-05"})", R"({"a":1})");
    auto const opened = open_token(text);
    REQUIRE(opened);
    CHECK(opened->algorithm == "EdDSA");
    CHECK(opened->key_id == "lc-codeapi-2026-05");
    CHECK(opened->signature == "sig");
    CHECK(opened->payload == base64url(R"({"a":1})"));
    CHECK(opened->signed_text == text.substr(0, text.rfind('.')));
    CHECK_FALSE(open_token(token(R"({"alg":"RS256"})"))->key_id);
    CHECK(open_token(token(R"({"alg":"RS256","typ":"jwt","jku":"https://a","x":{}})")));
    CHECK(open_token(token(R"({"alg":"none"})", "{}", ""))->signature.empty());
}

TEST_CASE("what is no token is refused before it is read", "[http][jwt]") {
    auto const good = token(R"({"alg":"EdDSA"})");
    CHECK(why_not_opened("") == not_three);
    CHECK(why_not_opened(".") == not_three);
    CHECK(why_not_opened("a.b.c.d.e") == not_three);
    CHECK(why_not_opened(good + ".") == not_three);
    CHECK(why_not_opened(good + "=") == not_three);
    CHECK(why_not_opened(" " + good) == not_three);
    CHECK(why_not_opened(good + "\n") == not_three);
    CHECK(why_not_opened("..") == "its header is not a JSON object");
    CHECK(why_not_opened(std::string(max_token_bytes + 1, '.')) == "it is longer than 8192 bytes");
    CHECK(why_not_opened(std::string(max_token_bytes, 'A')) == not_three);
    // Each cut of a good token is opened with another signature, or not at all; none crashes.
    for (std::size_t i = 0; i < good.size(); ++i) {
        auto const cut = open_token(std::string_view{good}.substr(0, i));
        CHECK((!cut || i > good.rfind('.')));
    }
}

TEST_CASE("a header that is not exactly understood is refused", "[http][jwt]") {
    CHECK(why_not_opened(token("[]")) == "its header is not a JSON object");
    CHECK(why_not_opened(token(R"({"alg":"EdDSA","alg":"none"})")) ==
          "its header is not a JSON object");
    CHECK(why_not_opened(token("\xef\xbb\xbf{\"alg\":\"EdDSA\"}")) ==
          "its header is not a JSON object");
    for (auto const* const header :
         {"{}", R"({"alg":null})", R"({"alg":1})", R"({"alg":""})", R"({"alg":["EdDSA"]})"}) {
        INFO(header);
        CHECK(why_not_opened(token(header)) == "its header names no algorithm (alg)");
    }
    for (auto const* const kid : {"1", "null", "\"\"", "[\"a\"]", "\"a\\u0000b\""}) {
        INFO(kid);
        CHECK(why_not_opened(token(std::string(R"({"alg":"EdDSA","kid":)") + kid + "}")) ==
              "kid is not a text of 1 to 256 bytes");
    }
    CHECK(why_not_opened(token(R"({"alg":"EdDSA","typ":"at+jwt"})")) ==
          "its type (typ) is not JWT");
    CHECK(why_not_opened(token(R"({"alg":"EdDSA","typ":7})")) == "its type (typ) is not JWT");
    CHECK(why_not_opened(token(R"({"alg":"EdDSA","crit":["b64"],"b64":false})")) ==
          "it asks for an extension (crit), and none is known here");
    CHECK(why_not_opened(token(R"({"alg":"EdDSA","crit":null})")) ==
          "it asks for an extension (crit), and none is known here");
}

TEST_CASE("claims are read by their types", "[http][jwt]") {
    auto const read = read_claims(base64url(
        R"({"iss":"librechat","aud":["x","codeapi"],"sub":"u1","tenant_id":"t","exp":1800000000,)"
        R"("nbf":1.5,"iat":1799999700.25,"jti":"j","role":{"deep":[1]}})"));
    REQUIRE(read);
    CHECK(read->issuer == "librechat");
    CHECK(read->audiences == std::vector<std::string>{"x", "codeapi"});
    CHECK(read->subject == "u1");
    CHECK(read->tenant_id == "t");
    CHECK(read->expires == 1800000000.0);
    CHECK(read->not_before == 1.5);
    CHECK(read->issued == 1799999700.25);
    CHECK(read_claims(base64url(R"({"aud":"codeapi"})"))->audiences ==
          std::vector<std::string>{"codeapi"});
    auto const none = read_claims(base64url("{}"));
    REQUIRE(none);
    CHECK((!none->issuer && none->audiences.empty() && !none->subject && !none->tenant_id &&
           !none->expires && !none->not_before && !none->issued));
}

TEST_CASE("a claim of a wrong type is named", "[http][jwt]") {
    for (auto const* const name : {"iss", "sub", "tenant_id"}) {
        for (auto const* const value : {"7", "null", "\"\"", "[]", "\"a\\u0000b\"", "\"a\\nb\""}) {
            INFO(name << value);
            CHECK(why_not_read(std::string("{\"") + name + "\":" + value + "}") ==
                  std::string(name) + " is not a text of 1 to 256 bytes");
        }
    }
    CHECK(why_not_read("{\"sub\":\"" + std::string(257, 'a') + "\"}") ==
          "sub is not a text of 1 to 256 bytes");
    for (auto const* const name : {"exp", "nbf", "iat"}) {
        for (auto const* const value :
             {"\"1800000000\"", "null", "-1", "1e300", "253402300800", "true", "[1]"}) {
            INFO(name << value);
            CHECK(why_not_read(std::string("{\"") + name + "\":" + value + "}") ==
                  std::string(name) + " is not a time in seconds since 1970");
        }
    }
    for (auto const* const value : {"7", "null", "{}", "[1]", "[\"a\",null]", "\"\""}) {
        INFO(value);
        CHECK(why_not_read(std::string("{\"aud\":") + value + "}") ==
              "aud is neither a text nor a list of texts");
    }
    for (auto const* const payload :
         {"", "7", "[]", "{", "{\"exp\":NaN}", R"({"sub":"a","sub":"b"})", R"({"a":{"b":1,"b":2}})",
          "{\"sub\":\"\xff\"}"}) {
        INFO(payload);
        CHECK(why_not_read(payload) == "its payload is not a JSON object");
    }
    CHECK_FALSE(read_claims("e30="));
    CHECK_FALSE(read_claims(base64url(std::string(3000, '[') + std::string(3000, ']'))));
}
