// SPDX-License-Identifier: Apache-2.0
// Bodies in both directions: on demand, bounded, with deadlines that are injected and awaited.
#include "tests/support/catch.hpp"
#include "tests/unit/http/server/running_server.hpp"

#include <unistd.h>

#include <fstream>

using test::body_of;
using test::header_of;
using test::raw_client;
using test::running_server;
using test::status_of;

namespace {

std::string const get = "GET /healthz HTTP/1.1\r\nHost: a\r\n\r\n";

std::size_t resident_kib() {
    std::ifstream status("/proc/self/status");
    for (std::string line; std::getline(status, line);) {
        if (line.starts_with("VmRSS:")) {
            return std::stoul(line.substr(6));
        }
    }
    return 0;
}

std::string post(std::string const& path, std::size_t length, std::string const& more = {}) {
    return "POST " + path + " HTTP/1.1\r\nHost: a\r\nContent-Length: " + std::to_string(length) +
           "\r\n" + more + "\r\n";
}

class scratch_file {
public:
    explicit scratch_file(std::string const& content) {
        char name[] = "/tmp/http-body-test-XXXXXX";
        int const fd = mkstemp(name);
        path = name;
        std::ofstream(path) << content;
        ::close(fd);
    }
    ~scratch_file() { ::unlink(path.c_str()); }
    scratch_file(scratch_file const&) = delete;
    scratch_file& operator=(scratch_file const&) = delete;
    std::string path;
};

}  // namespace

TEST_CASE("a body comes back as it was sent", "[http][body]") {
    running_server server;
    raw_client client(server.where());
    std::string const body(700000, 'b');
    std::thread sender([&] { client.send(post("/echo", body.size()) + body + get); });
    CHECK(body_of(client.response()) == body);
    CHECK(status_of(client.response()) == 200);
    sender.join();
}

TEST_CASE("100 MB are refused before they are read", "[http][body]") {
    running_server server;
    raw_client client(server.where());
    auto const before = resident_kib();
    std::size_t const length = 100'000'000;
    client.send(post("/echo", length));
    auto const answer = client.response();  // not a byte of the body was sent
    CHECK(status_of(answer) == 413);
    CHECK(header_of(answer, "Connection") == "close");
    std::string const piece(1'000'000, 'x');
    for (std::size_t sent = 0; sent < length && client.send(piece); sent += piece.size()) {
    }
    CHECK(resident_kib() < before + 8 * 1024);
}

TEST_CASE("a refusal is seen by a client that sends all the same", "[http][body]") {
    running_server server;
    raw_client client(server.where());
    std::string const piece(1'000'000, 'x');
    client.send(post("/refuse", 20 * piece.size()));
    for (int i = 0; i < 20; ++i) {
        REQUIRE(client.send(piece));
    }
    CHECK(status_of(client.response()) == 413);
}

TEST_CASE("a chunked body is cut off where the limit is", "[http][body]") {
    running_server server;
    raw_client client(server.where());
    client.send("POST /echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n");
    std::string const chunk = "10000\r\n" + std::string(65536, 'c') + "\r\n";
    std::thread sender([&] {
        for (int i = 0; i < 40 && client.send(chunk); ++i) {
        }
    });
    CHECK(status_of(client.response()) == 413);
    sender.join();
}

TEST_CASE("a small body that the handler did not want is read over", "[http][body]") {
    running_server server;
    raw_client client(server.where());
    client.send(post("/healthz", 5) + "abcde" + get);
    CHECK(header_of(client.response(), "Connection").empty());
    CHECK(status_of(client.response()) == 200);
}

TEST_CASE("100 Continue comes when the body is wanted, and only then", "[http][body]") {
    running_server server;
    raw_client client(server.where());
    client.send(post("/echo", 3, "Expect: 100-continue\r\n"));
    CHECK(client.until("\r\n\r\n") == "HTTP/1.1 100 Continue\r\n\r\n");
    client.send("abc");
    CHECK(body_of(client.response()) == "abc");

    client.send(post("/refuse", 3, "Expect: 100-continue\r\n"));
    auto const answer = client.response();
    CHECK(status_of(answer) == 413);
    CHECK(header_of(answer, "Connection") == "close");

    raw_client eager(server.where());
    eager.send(post("/echo", 3, "Expect: 100-continue\r\n") + "abc");
    CHECK(status_of(eager.response()) == 200);
}

TEST_CASE("a slow head, body or reader is ended by its deadline", "[http][body]") {
    http::server_settings settings;
    std::chrono::milliseconds const soon(30);

    SECTION("head") {
        settings.header_time = soon;
        running_server server(settings);
        raw_client client(server.where());
        client.send("GET / HTTP/1.1\r\nHo");
        auto const answer = client.rest();
        CHECK(status_of(answer) == 408);
        CHECK(header_of(answer, "Connection") == "close");
    }
    SECTION("first byte") {
        settings.header_time = soon;
        running_server server(settings);
        raw_client client(server.where());
        CHECK(client.closed());
    }
    SECTION("body") {
        settings.body_time = soon;
        running_server server(settings);
        raw_client client(server.where());
        client.send(post("/echo", 10) + "abc");
        auto const answer = client.rest();
        CHECK(status_of(answer) == 408);
        CHECK(header_of(answer, "Connection") == "close");
    }
    SECTION("chunk header") {
        settings.body_time = soon;
        running_server server(settings);
        raw_client client(server.where());
        client.send("POST /echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n5");
        CHECK(status_of(client.rest()) == 408);
    }
    SECTION("reader") {
        settings.write_time = soon;
        scratch_file const socket("");
        ::unlink(socket.path.c_str());
        // What a unix socket holds of an answer is bounded, whatever the host's buffers of TCP.
        running_server server(settings, http::unix_endpoint{socket.path});
        std::string const large(16 * 1024 * 1024, 'f');
        scratch_file const file(large);
        server.on_loop([&] {
            server.handler().file_path = file.path;
            server.handler().file_promise = large.size();
        });
        raw_client client(server.where());
        client.send("GET /file HTTP/1.1\r\nHost: a\r\n\r\n");
        // Only what has begun can be given up: before it was accepted it is no connection, either.
        auto const head = client.until("\r\n\r\n");
        REQUIRE(status_of(head) == 200);
        while (server.connections() == 1) {
            std::this_thread::yield();
        }
        CHECK(head.size() + client.rest().size() < large.size());
    }
    SECTION("idle") {
        settings.idle_time = soon;
        running_server server(settings);
        raw_client client(server.where());
        client.send(get);
        CHECK(status_of(client.response()) == 200);
        CHECK(client.closed());
    }
}

TEST_CASE("a deadline counts from the first byte of the head", "[http][body]") {
    http::server_settings settings;
    settings.header_time = std::chrono::milliseconds(50);
    running_server server(settings);
    raw_client client(server.where());
    client.send("G");
    // One byte after the other keeps no head alive.
    std::string const rest = "ET / HTTP/1.1\r\nX: " + std::string(12000, 'x');
    std::thread sender([&] {
        for (char const c : rest) {
            if (!client.send(std::string_view(&c, 1))) {
                return;
            }
        }
    });
    CHECK(status_of(client.rest()) == 408);
    sender.join();
}

TEST_CASE("files are sent whole, and one that shrank breaks the connection", "[http][body]") {
    running_server server;
    std::string content(300000, 'f');
    content += "the end";
    scratch_file const file(content);
    server.on_loop([&] {
        server.handler().file_path = file.path;
        server.handler().file_promise = content.size();
    });
    raw_client client(server.where());
    client.send("GET /file HTTP/1.1\r\nHost: a\r\n\r\n" + get);
    CHECK(body_of(client.response()) == content);
    CHECK(status_of(client.response()) == 200);
    client.send("HEAD /file HTTP/1.1\r\nHost: a\r\n\r\n" + get);
    CHECK(header_of(client.response(true), "Content-Length") == std::to_string(content.size()));
    CHECK(status_of(client.response()) == 200);

    server.on_loop([&] { server.handler().file_promise = content.size() + 1; });
    client.send("GET /file HTTP/1.1\r\nHost: a\r\n\r\n");
    CHECK(body_of(client.rest()).size() == content.size());
}
