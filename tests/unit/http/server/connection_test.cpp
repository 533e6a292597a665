// SPDX-License-Identifier: Apache-2.0
#include "tests/support/catch.hpp"
#include "tests/unit/http/server/running_server.hpp"

#include <memory>

using test::body_of;
using test::header_of;
using test::raw_client;
using test::running_server;
using test::status_of;

namespace {

std::string const get = "GET /healthz HTTP/1.1\r\nHost: a\r\n\r\n";

}  // namespace

TEST_CASE("a kept-alive connection answers request after request", "[http][connection]") {
    running_server server;
    raw_client client(server.where());
    for (int i = 0; i < 3; ++i) {
        client.send(get);
        auto const answer = client.response();
        CHECK(status_of(answer) == 200);
        CHECK(body_of(answer) == "ok");
        CHECK(header_of(answer, "Content-Length") == "2");
        CHECK(header_of(answer, "X-Content-Type-Options") == "nosniff");
        CHECK(header_of(answer, "X-Request-Id").size() == 21);
        CHECK(header_of(answer, "Date").size() == 29);
        CHECK(header_of(answer, "Connection").empty());
        CHECK(header_of(answer, "Access-Control-Allow-Origin").empty());
    }
    CHECK(server.connections() == 1);
}

TEST_CASE("the handler sees method, path, query, host and peer", "[http][connection]") {
    running_server server;
    raw_client client(server.where());
    client.send("GET /healthz?a=%20b HTTP/1.1\r\nHost: Example:80\r\nX-A: 1\r\n\r\n");
    CHECK(header_of(client.response(), "X-Saw") == "GET /healthz a=%20b Example:80 127.0.0.1 2");
}

TEST_CASE("an absolute target names path and host", "[http][connection]") {
    running_server server;
    raw_client client(server.where());
    client.send("GET http://evil:1/healthz?x HTTP/1.1\r\nHost: localhost\r\n\r\n");
    CHECK(header_of(client.response(), "X-Saw") == "GET /healthz x evil:1 127.0.0.1 1");
}

TEST_CASE("a sane request id is echoed and another replaced", "[http][connection]") {
    running_server server;
    raw_client client(server.where());
    client.send("GET /healthz HTTP/1.1\r\nHost: a\r\nX-Request-Id: trace-1/a\r\n\r\n");
    CHECK(header_of(client.response(), "X-Request-Id") == "trace-1/a");
    client.send("GET /healthz HTTP/1.1\r\nHost: a\r\nX-Request-Id: <b>\r\n\r\n");
    CHECK(header_of(client.response(), "X-Request-Id").size() == 21);
}

TEST_CASE("a thousand requests in one packet are answered in order", "[http][connection]") {
    running_server server;
    raw_client client(server.where());
    std::string all;
    for (int i = 0; i < 1000; ++i) {
        all += "GET /healthz?" + std::to_string(i) + " HTTP/1.1\r\nHost: a\r\n\r\n";
    }
    std::thread sender([&] { client.send(all); });
    for (int i = 0; i < 1000; ++i) {
        auto const saw = header_of(client.response(), "X-Saw");
        REQUIRE(saw == "GET /healthz " + std::to_string(i) + " a 127.0.0.1 1");
    }
    sender.join();
}

TEST_CASE("HEAD gets the header of GET and no body", "[http][connection]") {
    running_server server;
    raw_client client(server.where());
    client.send("HEAD /healthz HTTP/1.1\r\nHost: a\r\n\r\n");
    auto const answer = client.response(true);
    CHECK(header_of(answer, "Content-Length") == "2");
    client.send(get);
    CHECK(status_of(client.response()) == 200);  // nothing of a body came between
}

TEST_CASE("204 has neither body nor Content-Length", "[http][connection]") {
    running_server server;
    raw_client client(server.where());
    client.send("GET /empty HTTP/1.1\r\nHost: a\r\n\r\n");
    auto const answer = client.response();
    CHECK(status_of(answer) == 204);
    CHECK(header_of(answer, "Content-Length").empty());
}

TEST_CASE("HTTP/1.0 closes unless keep-alive is asked for", "[http][connection]") {
    running_server server;
    raw_client once(server.where());
    once.send("GET /healthz HTTP/1.0\r\n\r\n");
    CHECK(header_of(once.response(), "Connection") == "close");
    CHECK(once.closed());
    raw_client kept(server.where());
    kept.send("GET /healthz HTTP/1.0\r\nConnection: keep-alive\r\n\r\n");
    CHECK(header_of(kept.response(), "Connection") == "keep-alive");
    kept.send("GET /healthz HTTP/1.0\r\n\r\n");
    CHECK(status_of(kept.response()) == 200);
}

TEST_CASE("Connection: close is kept", "[http][connection]") {
    running_server server;
    raw_client client(server.where());
    client.send("GET /healthz HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
    CHECK(header_of(client.response(), "Connection") == "close");
    CHECK(client.closed());
}

TEST_CASE("an upgrade is answered in HTTP/1.1", "[http][connection]") {
    running_server server;
    raw_client client(server.where());
    client.send("GET /healthz HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n\r\n");
    CHECK(status_of(client.response()) == 200);
}

TEST_CASE("a head that comes byte by byte is the same head", "[http][connection]") {
    running_server server;
    raw_client client(server.where());
    for (char const c : get) {
        client.send(std::string_view(&c, 1));
    }
    CHECK(status_of(client.response()) == 200);
}

TEST_CASE("a handler that throws costs a 500 that says nothing", "[http][connection]") {
    running_server server;
    raw_client client(server.where());
    client.send("GET /throw HTTP/1.1\r\nHost: a\r\n\r\n");
    auto const answer = client.response();
    CHECK(status_of(answer) == 500);
    CHECK(answer.find("secret") == std::string::npos);
    client.send(get);
    CHECK(status_of(client.response()) == 200);
    REQUIRE(server.failures().size() == 1);
    CHECK(server.failures()[0].find("a secret") != std::string::npos);
}

TEST_CASE("above the cap a connection is turned away with 503", "[http][connection]") {
    http::server_settings settings;
    settings.max_connections = 1;
    running_server server(settings);
    raw_client first(server.where());
    first.send(get);
    CHECK(status_of(first.response()) == 200);
    for (int i = 0; i < 2; ++i) {
        // It has sent already when it is accepted: what is not read must not cost it the answer.
        std::unique_ptr<raw_client> second;
        server.on_loop([&] {
            second = std::make_unique<raw_client>(server.where());
            second->send(get + std::string(60000, 'x'));
        });
        auto const answer = second->rest();
        CHECK(status_of(answer) == 503);
        CHECK(header_of(answer, "Retry-After") == "1");
        CHECK(header_of(answer, "X-Request-Id").size() == 21);
        CHECK(header_of(answer, "Connection") == "close");
        CHECK(answer.find("\"retry_after_s\":1") != std::string::npos);
    }
    first.send(get);
    CHECK(status_of(first.response()) == 200);
    CHECK(server.failures() == std::vector<std::string>{"full: 1"});
    CHECK(server.answers() ==
          std::vector<std::string>{"GET /healthz 200", "  503", "  503", "GET /healthz 200"});
}

TEST_CASE("a refusal bears the request id of a head that was understood", "[http][connection]") {
    running_server server;
    for (auto const* const line : {"CONNECT a:443", "OPTIONS *", "GET ftp://a/"}) {
        INFO(line);
        raw_client client(server.where());
        client.send(std::string(line) + " HTTP/1.1\r\nHost: a\r\nX-Request-Id: mine-1\r\n\r\n");
        auto const answer = client.response();
        CHECK(status_of(answer) >= 400);
        CHECK(header_of(answer, "X-Request-Id") == "mine-1");
    }
}

TEST_CASE("a client that leaves while it is served costs nothing", "[http][connection]") {
    running_server server;
    std::promise<void> waiting;
    server.on_loop([&] {
        server.handler().on_waiting = [&] {
            waiting.set_value();
        };
    });
    {
        raw_client client(server.where());
        client.send("GET /wait HTTP/1.1\r\nHost: a\r\n\r\n");
        waiting.get_future().wait();
    }
    server.on_loop([&] { server.handler().release(); });
    raw_client other(server.where());
    other.send(get);
    CHECK(status_of(other.response()) == 200);
}
