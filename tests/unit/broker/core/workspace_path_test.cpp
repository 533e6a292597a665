// SPDX-License-Identifier: Apache-2.0
#include "broker/core/workspace_path.hpp"

#include "tests/support/catch.hpp"

using namespace broker;

namespace {

std::string url(std::string_view raw) {
    auto const path = workspace_path::from_url(raw);
    return path ? path->str() : "refused: " + path.error().detail;
}

bool refused(std::string_view raw) {
    auto const path = workspace_path::from_url(raw);
    return path.has_error() && path.error().code == errc::invalid_path &&
           !path.error().detail.empty();
}

bool refused_text(std::string_view text) {
    auto const path = workspace_path::from_text(text);
    return path.has_error() && path.error().code == errc::invalid_path &&
           !path.error().detail.empty();
}

std::string repeat(std::string const& part, int times) {
    std::string text = part;
    for (int i = 1; i < times; ++i) {
        text += "/" + part;
    }
    return text;
}

}  // namespace

TEST_CASE("plain and encoded names are decoded once", "[core][path]") {
    CHECK(url("plot.png") == "plot.png");
    CHECK(url("a/b/c.csv") == "a/b/c.csv");
    CHECK(url("a%20b+c") == "a b+c");
    CHECK(url("%2e%2e%2e") == "...");
    CHECK(url("%252e%252e/x") == "%2e%2e/x");
    CHECK(url("caf%C3%A9") == "caf\xc3\xa9");
    CHECK(url("caf%e9%FF") == "caf\xe9\xff");
    CHECK(url("raw\xff") == "raw\xff");
    CHECK(url("back\\slash") == "back\\slash");
    CHECK(url("new%0d%0aline") == "new\r\nline");
    CHECK(url(".hidden") == ".hidden");
    CHECK(url("..a/a..") == "..a/a..");
    CHECK(url("CON") == "CON");
    CHECK(url("~") == "~");
}

TEST_CASE("names that could leave the workspace or have two spellings are refused",
          "[core][path]") {
    for (std::string_view const raw :
         {"",       "/",        "//",     "/etc/passwd", "..",      ".",     "../x",
          "x/..",   "x/../y",   "./x",    "x/.",         "a//b",    "a/",    "%2e",
          "%2e%2e", "%2E%2e/x", ".%2e/x", "a/%2e%2e/b",  "..%2fx",  "%2f",   "a%2Fb",
          "%2Fetc", "%00",      "a%00b",  "a/%00",       "%",       "%2",    "a%",
          "%zz",    "%2g",      "% 20",   "%%20",        "a/%2e/b", "a/.//b"}) {
        CAPTURE(raw);
        CHECK(refused(raw));
    }
    CHECK(refused(std::string_view("a\0b", 3)));
    CHECK(refused_text(std::string_view("a\0b", 3)));
    for (std::string_view const text : {"", "/a", "a/", "..", "a/../b", "./a", "a//b"}) {
        CAPTURE(text);
        CHECK(refused_text(text));
    }
    CHECK(workspace_path::from_text("%2F")->str() == "%2F");
}

TEST_CASE("lengths are bounded by part, depth and whole", "[core][path]") {
    std::string const part(255, 'p');
    CHECK(url(part) == part);
    CHECK(refused(part + "p"));
    CHECK(refused("a/" + part + "p"));
    CHECK(url(repeat("d", 32)) == repeat("d", 32));
    CHECK(refused(repeat("d", 33)));
    // 15 parts of 255 and a last one that fills 4096 exactly.
    std::string const whole = repeat(part, 15) + "/" + std::string(4096 - 15 * 256, 'w');
    REQUIRE(whole.size() == 4096);
    CHECK_FALSE(refused_text(repeat(part, 15) + "/" + std::string(255, 'w')));
    CHECK(refused_text(repeat(part, 16) + "/w"));
    CHECK(refused(std::string(100'000, 'x')));
    std::string encoded;
    for (int i = 0; i < 255; ++i) {
        encoded += "%ff";
    }
    CHECK(url(encoded) == std::string(255, '\xff'));
}

TEST_CASE("every name survives the way into a URL and back", "[core][path]") {
    std::string every;
    for (int byte = 1; byte < 256; ++byte) {
        if (byte != '/') {
            every += static_cast<char>(byte);
        }
    }
    CHECK(every.size() == 254);
    for (std::string const& path : {every, std::string("a/b c/%41"), std::string("x%2Fy")}) {
        auto const encoded = to_url(path);
        CHECK(encoded.find_first_not_of("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
                                        "0123456789-._~/%") == std::string::npos);
        CHECK(url(encoded) == path);
    }
    CHECK(to_url("a b/\xc3\xa9") == "a%20b/%C3%A9");
}
