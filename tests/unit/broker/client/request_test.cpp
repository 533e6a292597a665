// SPDX-License-Identifier: Apache-2.0
#include "broker/client/http_call.hpp"
#include "tests/support/catch.hpp"

using namespace broker::client;

TEST_CASE("a request carries host, key and length", "[client][request]") {
    endpoint const to{*parse_server_url("http://h:1/p/"), "k"};
    CHECK(request_bytes(to, {"POST", "/v1/x", "{}", {{"Accept", "text/event-stream"}}}) ==
          "POST /p/v1/x HTTP/1.1\r\nHost: h:1\r\nConnection: close\r\nX-API-Key: k\r\n"
          "Accept: text/event-stream\r\nContent-Type: application/json\r\nContent-Length: "
          "2\r\n\r\n{}");
    CHECK(
        request_bytes({*parse_server_url("unix:/s"), ""}, {"POST", "/v1/x", "", {}}) ==
        "POST /v1/x HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Length: 0\r\n\r\n");
    CHECK(request_bytes({*parse_server_url("unix:/s"), ""}, {"GET", "/v1/x", "", {}}) ==
          "GET /v1/x HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");
}

TEST_CASE("a refusal is told in the server's own words where it has some", "[client][request]") {
    CHECK(refusal_text({429, R"({"detail":"too many","code":"queue_full"})"}) ==
          "too many (queue_full)");
    CHECK(refusal_text({429, R"({"title":"Too many"})"}) == "Too many");
    CHECK(refusal_text({502, "<html>"}) == "the server answered with status 502");
}
