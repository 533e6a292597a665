// SPDX-License-Identifier: Apache-2.0
// Addresses, and the orderly end.
#include "tests/support/catch.hpp"
#include "tests/unit/http/server/running_server.hpp"

#include <boost/asio/local/stream_protocol.hpp>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

using test::header_of;
using test::raw_client;
using test::running_server;
using test::status_of;

namespace {

std::string const get = "GET /healthz HTTP/1.1\r\nHost: a\r\n\r\n";

class scratch_folder {
public:
    scratch_folder() {
        char name[] = "/tmp/http-listener-test-XXXXXX";
        path = mkdtemp(name);
    }
    ~scratch_folder() { std::filesystem::remove_all(path); }
    scratch_folder(scratch_folder const&) = delete;
    scratch_folder& operator=(scratch_folder const&) = delete;
    std::string path;
};

std::string refusal_of(http::endpoint where) {
    boost::asio::io_context loop;
    boost::asio::thread_pool pool(1);
    test::routes routes(loop.get_executor());
    auto const opened = http::listener::open(loop, pool, std::move(where), routes, {}, {});
    return opened ? "opened" : opened.error().detail;
}

}  // namespace

TEST_CASE("a unix socket is served with the rights asked for, and removed", "[http][listener]") {
    scratch_folder const folder;
    http::unix_endpoint const where{folder.path + "/s", 0660};
    {
        running_server server({}, where);
        struct stat found {};
        REQUIRE(stat(where.path.c_str(), &found) == 0);
        CHECK((found.st_mode & 0777U) == 0660U);
        raw_client client(server.where());
        client.send(get);
        auto const answer = client.response();
        CHECK(header_of(answer, "X-Saw") == "GET /healthz  a  1");  // no peer address
        CHECK_THAT(refusal_of(where),
                   Catch::Matchers::ContainsSubstring("another program listens"));
    }
    CHECK_FALSE(std::filesystem::exists(where.path));
}

TEST_CASE("a socket file left behind is replaced, anything else is not", "[http][listener]") {
    scratch_folder const folder;
    std::string const path = folder.path + "/s";
    {
        boost::asio::io_context loop;
        boost::asio::local::stream_protocol::acceptor(loop, {path});
    }
    REQUIRE(std::filesystem::exists(path));
    CHECK(refusal_of(http::unix_endpoint{path}) == "opened");
    std::ofstream(folder.path + "/file") << "precious";
    CHECK_THAT(refusal_of(http::unix_endpoint{folder.path + "/file"}),
               Catch::Matchers::ContainsSubstring("not a socket"));
    CHECK(std::filesystem::file_size(folder.path + "/file") == 8);
}

TEST_CASE("what cannot be bound says why and what to do", "[http][listener]") {
    running_server server;
    CHECK_THAT(refusal_of(server.where()),
               Catch::Matchers::ContainsSubstring(http::to_string(server.where())) &&
                   Catch::Matchers::ContainsSubstring("in use") &&
                   Catch::Matchers::ContainsSubstring("another port"));
    CHECK_THAT(refusal_of(http::tcp_endpoint{"192.0.2.1", 0}),
               Catch::Matchers::ContainsSubstring("no interface of this host"));
    CHECK_THAT(refusal_of(http::tcp_endpoint{"example.org", 0}),
               Catch::Matchers::ContainsSubstring("numeric"));
    CHECK_THAT(refusal_of(http::unix_endpoint{"/nowhere/at/all/s"}),
               Catch::Matchers::ContainsSubstring("directory does not exist"));
    CHECK_THAT(refusal_of(http::unix_endpoint{"/tmp/" + std::string(200, 'x')}),
               Catch::Matchers::ContainsSubstring("longer than"));
}

TEST_CASE("endpoints are written and judged", "[http][listener]") {
    CHECK(http::to_string(http::tcp_endpoint{"::1", 80}) == "[::1]:80");
    CHECK(http::to_string(http::unix_endpoint{"/run/s"}) == "unix:/run/s");
    CHECK(http::is_local(http::tcp_endpoint{"127.9.9.9", 1}));
    CHECK(http::is_local(http::tcp_endpoint{"::1", 1}));
    CHECK(http::is_local(http::tcp_endpoint{"localhost", 1}));
    CHECK(http::is_local(http::unix_endpoint{"/s"}));
    CHECK_FALSE(http::is_local(http::tcp_endpoint{"0.0.0.0", 1}));
    CHECK_FALSE(http::is_local(http::tcp_endpoint{"::", 1}));
    CHECK_FALSE(http::is_local(http::tcp_endpoint{"::ffff:10.0.0.1", 1}));
}

TEST_CASE("a stop closes idle connections and lets running requests end", "[http][listener]") {
    running_server server;
    std::promise<void> waiting;
    server.on_loop([&] {
        server.handler().on_waiting = [&] {
            waiting.set_value();
        };
    });
    raw_client idle(server.where());
    idle.send(get);
    CHECK(status_of(idle.response()) == 200);
    raw_client busy(server.where());
    busy.send("GET /wait HTTP/1.1\r\nHost: a\r\n\r\n" + get);
    waiting.get_future().wait();

    server.begin_stop(std::chrono::seconds(20));
    CHECK(idle.closed());
    CHECK_THROWS(raw_client(server.where()));
    server.on_loop([&] { server.handler().release(); });
    auto const answer = busy.response();
    CHECK(status_of(answer) == 200);
    CHECK(header_of(answer, "Connection") == "close");
    busy.finish_sending();
    CHECK(busy.closed());
    server.wait_stopped();
    CHECK(server.connections() == 0);
}

TEST_CASE("a stop breaks off what has not ended in time", "[http][listener]") {
    running_server server;
    std::promise<void> waiting;
    server.on_loop([&] {
        server.handler().on_waiting = [&] {
            waiting.set_value();
        };
    });
    raw_client busy(server.where());
    busy.send("GET /wait HTTP/1.1\r\nHost: a\r\n\r\n");
    waiting.get_future().wait();
    server.begin_stop(std::chrono::milliseconds(10));
    server.wait_stopped();
    CHECK(busy.closed());
    CHECK(server.connections() == 0);
}

TEST_CASE("running out of descriptors is survived and told once", "[http][listener]") {
    running_server server;
    raw_client first(server.where());
    first.send(get);
    CHECK(status_of(first.response()) == 200);
    raw_client second(server.where());
    second.send(get);
    CHECK(status_of(second.response()) == 200);

    rlimit before{};
    REQUIRE(getrlimit(RLIMIT_NOFILE, &before) == 0);
    // A socket for the client is made first; then no number is left for the server's side of it.
    int const client = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    rlimit none = before;
    none.rlim_cur = static_cast<rlim_t>(client) + 1;
    std::vector<int> filler;
    REQUIRE(setrlimit(RLIMIT_NOFILE, &none) == 0);
    for (int fd = dup(client); fd >= 0; fd = dup(client)) {
        filler.push_back(fd);
    }
    raw_client late(client, server.where());
    late.send(get);
    while (server.failures().empty()) {
        std::this_thread::yield();
    }
    for (int const fd : filler) {
        ::close(fd);
    }
    REQUIRE(setrlimit(RLIMIT_NOFILE, &before) == 0);
    CHECK(status_of(late.response()) == 200);
    REQUIRE(server.failures().size() == 1);
    CHECK(server.failures()[0].starts_with("accept: "));
}
