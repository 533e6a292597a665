// SPDX-License-Identifier: Apache-2.0
// Broken and hostile bytes against the running server: each gets its status, then the connection
// closes, and nothing of it reaches a handler.
#include "tests/support/catch.hpp"
#include "tests/unit/http/server/running_server.hpp"

using test::body_of;
using test::header_of;
using test::raw_client;
using test::running_server;
using test::status_of;

namespace {

std::string const get = "GET /healthz HTTP/1.1\r\nHost: a\r\n\r\n";

struct row {
    char const* what;
    std::string bytes;
    int status;
    char const* code;
};

void check(running_server& server, row const& r) {
    INFO(r.what);
    raw_client client(server.where());
    client.send(r.bytes + get);  // a smuggled request must not be answered
    client.finish_sending();
    auto const answer = client.rest();
    CHECK(status_of(answer) == r.status);
    CHECK(answer.find(std::string("\"code\":\"") + r.code + '"') != std::string::npos);
    CHECK(header_of(answer, "Connection") == "close");
    CHECK(answer.find("HTTP/1.1 200") == std::string::npos);
    CHECK(header_of(answer, "X-Request-Id").size() == 21);
}

std::string post(std::string const& fields) {
    return "POST /echo HTTP/1.1\r\nHost: a\r\n" + fields + "\r\n";
}

}  // namespace

TEST_CASE("a head that can be read in two ways is refused", "[http][hostile]") {
    running_server server;
    std::string const end = "0\r\n\r\n";
    for (auto const& r : std::vector<row>{
             {"CL and TE", post("Content-Length: 5\r\nTransfer-Encoding: chunked\r\n") + end, 400,
              "bad_request"},
             {"TE and CL", post("Transfer-Encoding: chunked\r\nContent-Length: 5\r\n") + end, 400,
              "bad_request"},
             {"two CL", post("Content-Length: 1\r\nContent-Length: 2\r\n") + "ab", 400,
              "bad_request"},
             {"two equal CL", post("Content-Length: 1\r\nContent-Length: 1\r\n") + "a", 400,
              "bad_request"},
             {"CL list", post("Content-Length: 1, 1\r\n") + "a", 400, "bad_request"},
             {"CL +5", post("Content-Length: +5\r\n") + "abcde", 400, "bad_request"},
             {"CL 0x5", post("Content-Length: 0x5\r\n") + "abcde", 400, "bad_request"},
             {"CL -1", post("Content-Length: -1\r\n"), 400, "bad_request"},
             {"CL empty", post("Content-Length:\r\n"), 400, "bad_request"},
             {"CL huge", post("Content-Length: 99999999999999999999\r\n"), 400, "bad_request"},
             {"two TE", post("Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n") + end,
              400, "bad_request"},
             {"TE list", post("Transfer-Encoding: gzip, chunked\r\n") + end, 400, "bad_request"},
             {"TE twice chunked", post("Transfer-Encoding: chunked, chunked\r\n") + end, 400,
              "bad_request"},
             {"TE xchunked", post("Transfer-Encoding: xchunked\r\n") + end, 400, "bad_request"},
             {"TE identity", post("Transfer-Encoding: identity\r\n"), 400, "bad_request"},
             {"TE quoted", post("Transfer-Encoding: \"chunked\"\r\n") + end, 400, "bad_request"},
             {"TE in 1.0",
              "POST /echo HTTP/1.0\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n" + end, 400,
              "bad_request"},
             {"space before colon", post("Content-Length : 1\r\n") + "a", 400, "bad_request"},
             {"TE space before colon", post("Transfer-Encoding : chunked\r\n") + end, 400,
              "bad_request"},
             {"obs-fold", post("X: a\r\n b\r\n"), 400, "bad_request"},
             {"TE folded", post("Transfer-Encoding:\r\n chunked\r\n") + end, 400, "bad_request"},
             {"first line folded", "GET /healthz HTTP/1.1\r\n Host: a\r\n\r\n", 400, "bad_request"},
             {"bare LF", "GET /healthz HTTP/1.1\nHost: a\n\n", 400, "bad_request"},
             {"bare LF in the header", post("X: a\nContent-Length: 1\r\n") + "a", 400,
              "bad_request"},
             {"bare CR", post("X: a\rContent-Length: 1\r\n") + "a", 400, "bad_request"},
             {"NUL in a value", post(std::string("X: a\0b\r\n", 8)), 400, "bad_request"},
             {"no colon", post("nothing\r\n"), 400, "bad_request"},
             {"empty name", post(": a\r\n"), 400, "bad_request"},
             {"no host", "GET /healthz HTTP/1.1\r\n\r\n", 400, "bad_request"},
             {"two hosts", "GET /healthz HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", 400,
              "bad_request"},
             {"host with a space", "GET /healthz HTTP/1.1\r\nHost: a b\r\n\r\n", 400,
              "bad_request"},
             {"host with a path", "GET /healthz HTTP/1.1\r\nHost: a/b\r\n\r\n", 400, "bad_request"},
             {"host with a user", "GET /healthz HTTP/1.1\r\nHost: u@a\r\n\r\n", 400, "bad_request"},
             {"other expectation", post("Expect: 200-ok\r\nContent-Length: 1\r\n"), 417,
              "expectation_failed"}}) {
        check(server, r);
    }
}

TEST_CASE("a request line that is none is refused", "[http][hostile]") {
    running_server server;
    for (auto const& r : std::vector<row>{
             {"HTTP/0.9", "GET /healthz\r\n", 400, "bad_request"},
             {"HTTP/2 preface", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 505, "version_not_supported"},
             {"HTTP/1.2", "GET / HTTP/1.2\r\n\r\n", 505, "version_not_supported"},
             {"http/1.1", "GET / http/1.1\r\n\r\n", 400, "bad_request"},
             {"HTTP/1.1x", "GET / HTTP/1.1x\r\n\r\n", 400, "bad_request"},
             {"two spaces", "GET  / HTTP/1.1\r\nHost: a\r\n\r\n", 400, "bad_request"},
             {"space at the end", "GET / HTTP/1.1 \r\nHost: a\r\n\r\n", 400, "bad_request"},
             {"space in the target", "GET /a b HTTP/1.1\r\nHost: a\r\n\r\n", 400, "bad_request"},
             {"tab", "GET\t/ HTTP/1.1\r\nHost: a\r\n\r\n", 400, "bad_request"},
             {"space first", " GET / HTTP/1.1\r\nHost: a\r\n\r\n", 400, "bad_request"},
             {"method with a bracket", "G(T / HTTP/1.1\r\nHost: a\r\n\r\n", 400, "bad_request"},
             {"raw UTF-8", "GET /\xc3\xa4 HTTP/1.1\r\nHost: a\r\n\r\n", 400, "bad_request"},
             {"fragment", "GET /a#b HTTP/1.1\r\nHost: a\r\n\r\n", 400, "bad_request"},
             {"NUL", std::string("GET /\0 HTTP/1.1\r\n\r\n", 20), 400, "bad_request"},
             {"asterisk", "OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n", 400, "bad_request"},
             {"authority", "GET a:80 HTTP/1.1\r\nHost: a\r\n\r\n", 400, "bad_request"},
             {"other scheme", "GET ftp://a/ HTTP/1.1\r\nHost: a\r\n\r\n", 400, "bad_request"},
             {"CONNECT", "CONNECT a:443 HTTP/1.1\r\nHost: a\r\n\r\n", 501, "not_implemented"},
             {"TLS hello", std::string("\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", 11), 400,
              "bad_request"}}) {
        check(server, r);
    }
}

TEST_CASE("lines, headers and fields have limits", "[http][hostile]") {
    running_server server;
    std::string many;
    for (int i = 0; i < 100; ++i) {
        many += "X-" + std::to_string(i) + ": y\r\n";
    }
    check(server,
          {"long line", "GET /" + std::string(9000, 'a') + " HTTP/1.1\r\n", 414, "uri_too_long"});
    check(server, {"endless line", "GET /" + std::string(100000, 'a'), 414, "uri_too_long"});
    check(server,
          {"long field", post("X: " + std::string(17000, 'a') + "\r\n"), 431, "header_too_large"});
    check(server,
          {"endless field", post("X: ") + std::string(100000, 'a'), 431, "header_too_large"});
    check(server, {"many fields", post(many), 431, "header_too_large"});
    raw_client client(server.where());
    client.send("GET /healthz?" + std::string(8000, 'q') +
                " HTTP/1.1\r\nHost: a\r\nX: " + std::string(8000, 'x') + "\r\n\r\n");
    CHECK(status_of(client.response()) == 200);
}

TEST_CASE("a head that the buffer cannot hold is refused, whatever the limit", "[http][hostile]") {
    http::server_settings settings;
    settings.max_header_bytes = std::size_t{1024} * 1024;
    running_server server(settings);
    std::string const line = "X: " + std::string(1000, 'a') + "\r\n";
    std::string fields;
    for (int i = 0; i < 70; ++i) {
        fields += line;
    }
    check(server,
          {"long head", "GET /healthz HTTP/1.1\r\nHost: a\r\n" + fields, 431, "header_too_large"});
}

TEST_CASE("chunks that are none are refused", "[http][hostile]") {
    running_server server;
    std::string const head = post("Transfer-Encoding: chunked\r\n");
    for (auto const& body :
         {"x\r\n", "\r\n", "-1\r\na\r\n0\r\n\r\n", "+1\r\na\r\n0\r\n\r\n", "0x1\r\na\r\n0\r\n\r\n",
          " 1\r\na\r\n0\r\n\r\n", "1 \r\na\r\n0\r\n\r\n", "1\na\n0\n\n", "1\r\nab\r\n0\r\n\r\n",
          "1\r\na0\r\n\r\n", "10000000000000000\r\na", "FFFFFFFFFFFFFFFFF\r\na",
          "1;a=\"b\r\na\r\n0\r\n\r\n", "1;\x01\r\na\r\n0\r\n\r\n", "0\r\nX : y\r\n\r\n",
          "0\r\n bad\r\n\r\n", "1\r\na\r\n0\r\nno colon\r\n\r\n"}) {
        INFO(body);
        check(server, {"chunk", head + body, 400, "bad_request"});
    }
    check(server, {"endless extension", head + "1;" + std::string(70000, 'e'), 400, "bad_request"});
    check(server,
          {"endless trailer", head + "0\r\nX: " + std::string(70000, 't'), 400, "bad_request"});
}

TEST_CASE("chunks, extensions and trailers are read over, however they come", "[http][hostile]") {
    running_server server;
    std::string const body = "3;a=b;c=\"d e\"\r\nabc\r\nA\r\n0123456789\r\n0000\r\nX-T: 1\r\n\r\n";
    std::string const whole = post("Transfer-Encoding: Chunked\r\n") + body + get;
    for (std::size_t cut = 1; cut < whole.size(); cut += 1) {
        raw_client client(server.where());
        client.send(whole.substr(0, cut));
        client.send(whole.substr(cut));
        auto const answer = client.response();
        REQUIRE(body_of(answer) == "abc0123456789");
        REQUIRE(status_of(client.response()) == 200);
    }
}

TEST_CASE("an empty line before a request is read over", "[http][hostile]") {
    running_server server;
    raw_client client(server.where());
    client.send("\r\n" + get);
    CHECK(status_of(client.response()) == 200);
    raw_client insists(server.where());
    insists.send("\r\n\r\n" + get);
    CHECK(status_of(insists.response()) == 400);
}

TEST_CASE("a request that ends early is no request", "[http][hostile]") {
    running_server server;
    for (auto const& bytes : {get.substr(0, 10), get.substr(0, get.size() - 1)}) {
        raw_client client(server.where());
        client.send(bytes);
        client.finish_sending();
        CHECK(client.rest().empty());
    }
    raw_client half(server.where());
    half.send(post("Content-Length: 10\r\n") + "abc");
    half.finish_sending();
    CHECK(status_of(half.rest()) == 400);
}
