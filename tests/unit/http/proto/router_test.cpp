// SPDX-License-Identifier: Apache-2.0
#include "http/proto/router.hpp"

#include "tests/support/catch.hpp"

#include <stdexcept>

namespace {

using http::router;
using http::routing;

http::router make() {
    return router({{"GET", "/healthz"},
                   {"POST", "/run"},
                   {"GET", "/v1/sessions"},
                   {"POST", "/v1/sessions"},
                   {"GET", "/v1/sessions/{id}"},
                   {"DELETE", "/v1/sessions/{id}"},
                   {"GET", "/v1/sessions/latest"},
                   {"PUT", "/v1/sessions/{id}/files/{path...}"},
                   {"GET", "/v1/sessions/{id}/files"},
                   {"GET", "/"}});
}

std::string find(router const& table, std::string_view method, std::string_view path) {
    auto const found = table.find(method, path);
    if (found.kind == routing::outcome::not_found) {
        return "404";
    }
    if (found.kind == routing::outcome::method_not_allowed) {
        return "405 " + found.allow;
    }
    std::string out{table.routes()[found.route].pattern};
    for (auto const& [name, value] : found.params) {
        out += " " + std::string(name) + "=" + std::string(value);
    }
    return out;
}

}  // namespace

TEST_CASE("paths find the route whose pattern they fit", "[http][router]") {
    auto const table = make();
    CHECK(find(table, "GET", "/healthz") == "/healthz");
    CHECK(find(table, "GET", "/") == "/");
    CHECK(find(table, "GET", "/v1/sessions/alice") == "/v1/sessions/{id} id=alice");
    CHECK(find(table, "PUT", "/v1/sessions/a%2Fb/files/x/y%20z") ==
          "/v1/sessions/{id}/files/{path...} id=a%2Fb path=x/y%20z");
    CHECK(find(table, "PUT", "/v1/sessions/a/files/") ==
          "/v1/sessions/{id}/files/{path...} id=a path=");
    CHECK(find(table, "PUT", "/v1/sessions/a/files//x") ==
          "/v1/sessions/{id}/files/{path...} id=a path=/x");
}

TEST_CASE("a literal wins over a parameter", "[http][router]") {
    auto const table = make();
    CHECK(find(table, "GET", "/v1/sessions/latest") == "/v1/sessions/latest");
    CHECK(find(table, "DELETE", "/v1/sessions/latest") == "/v1/sessions/{id} id=latest");
}

TEST_CASE("HEAD is found where GET is", "[http][router]") {
    auto const table = make();
    CHECK(find(table, "HEAD", "/healthz") == "/healthz");
    CHECK(find(table, "HEAD", "/run") == "405 POST");
}

TEST_CASE("an unknown path is told apart from an unknown method", "[http][router]") {
    auto const table = make();
    CHECK(find(table, "GET", "/nothing") == "404");
    CHECK(find(table, "PATCH", "/nothing") == "404");
    CHECK(find(table, "PATCH", "/v1/sessions") == "405 GET, HEAD, POST");
    CHECK(find(table, "PUT", "/v1/sessions/latest") == "405 DELETE, GET, HEAD");
    CHECK(find(table, "get", "/healthz") == "405 GET, HEAD");
}

TEST_CASE("slashes count as they were sent", "[http][router]") {
    auto const table = make();
    for (auto const* const path :
         {"", "healthz", "//healthz", "/healthz/", "//", "/v1//sessions", "/v1/sessions/",
          "/v1/sessions//files", "/v1/sessions//files/x"}) {
        INFO(path);
        CHECK(find(table, "GET", path) == "404");
    }
}

TEST_CASE("the table can be listed as it was written", "[http][router]") {
    auto const table = make();
    REQUIRE(table.routes().size() == 10);
    CHECK(table.routes()[1].pattern == "/run");
}

TEST_CASE("a parameter is looked up by name", "[http][router]") {
    auto const table = make();
    auto const found = table.find("PUT", "/v1/sessions/s/files/f");
    CHECK(found.raw("id") == "s");
    CHECK(found.raw("path") == "f");
    CHECK(found.raw("other").empty());
}

TEST_CASE("a malformed table does not start", "[http][router]") {
    auto const refused = [](std::string_view pattern) {
        CHECK_THROWS_AS(router({{"GET", pattern}}), std::logic_error);
    };
    for (auto const* const pattern :
         {"", "run", "/a//b", "/a/", "/{}", "/{...}", "/{a", "/{a...}/b", "/{a-b}", "/{a}}"}) {
        INFO(pattern);
        refused(pattern);
    }
    CHECK_THROWS_AS(router({{"GET", "/a"}, {"GET", "/a"}}), std::logic_error);
}
