// SPDX-License-Identifier: Apache-2.0
// A client that goes away while its request is worked on: who asked is told, and nobody else is.
#include "http/server/hangup_watch.hpp"
#include "tests/support/catch.hpp"
#include "tests/unit/http/server/running_server.hpp"

#include <boost/asio/local/connect_pair.hpp>
#include <boost/asio/local/stream_protocol.hpp>
#include <boost/asio/read.hpp>

#include <memory>
#include <optional>

using test::body_of;
using test::header_of;
using test::raw_client;
using test::running_server;
using test::status_of;

namespace {

namespace asio = boost::asio;

std::string const get = "GET /healthz HTTP/1.1\r\nHost: a\r\n\r\n";
std::string const ask = "GET /custom HTTP/1.1\r\nHost: a\r\n\r\n";

bool came(std::future<void> const& event) {
    return event.wait_for(std::chrono::seconds(20)) == std::future_status::ready;
}

/// What /custom does here: asks to be told, reads the body, says so, and waits for `release`.
class asking {
public:
    explicit asking(running_server& server, bool reads_first = true)
        : server_(server), reads_first_(reads_first) {
        server.on_loop([this] {
            server_.handler().custom = [this](http::request& incoming) {
                return answer(incoming);
            };
        });
    }

    void release() {
        server_.on_loop([this] { server_.handler().release(); });
    }
    /// How often it was told, after all that was sent before has reached the loop.
    int times_told() {
        int times = 0;
        for (int turn = 0; turn < 3; ++turn) {
            server_.on_loop([&] { times = *told_; });
        }
        return times;
    }

    std::promise<void> waiting;
    std::promise<void> gone;

private:
    broker::task<http::response> answer(http::request& incoming) {
        if (!reads_first_) {
            watch(incoming);
        }
        http::response out;
        for (;;) {
            auto const piece = co_await incoming.body->next();
            if (!piece || piece->empty()) {
                break;
            }
            std::get<std::string>(out.body) += *piece;
        }
        if (reads_first_) {
            watch(incoming);
        }
        waiting.set_value();
        co_await server_.handler().released();
        co_return out;
    }

    void watch(http::request& incoming) {
        incoming.peer->on_hangup([this, times = told_] {
            if (++*times == 1) {
                gone.set_value();
            }
        });
    }

    running_server& server_;
    bool reads_first_;
    std::shared_ptr<int> told_ = std::make_shared<int>(0);
};

/// A watch on one end of a pair whose other end takes nothing, and a wait to write on it.
struct watched_pair {
    watched_pair() {
        asio::local::connect_pair(near, far);
        io = std::make_shared<http::connection_io>(
            http::connection_io::socket_type(std::move(near)));
        parser.head(get, request);
        body.emplace(*io, parser, false, std::chrono::seconds(20));
        watch.emplace(io->socket(), *body);
        std::string const piece(4096, 'x');
        boost::system::error_code full;
        while (!full) {
            filled += io->socket().write_some(asio::buffer(piece), full);
        }
        io->socket().async_wait(http::connection_io::socket_type::wait_write,
                                [this](boost::system::error_code const& ec) { on_write(ec); });
        watch->on_hangup([this] { ++told; });
        loop.poll();
    }

    asio::io_context loop;
    asio::local::stream_protocol::socket near{loop};
    asio::local::stream_protocol::socket far{loop};
    std::shared_ptr<http::connection_io> io;
    http::request request;
    http::request_parser parser;
    std::optional<http::request_body> body;
    std::optional<http::hangup_watch> watch;
    std::size_t filled = 0;
    int told = 0;
    std::function<void(boost::system::error_code const&)> on_write;
};

}  // namespace

TEST_CASE("a watch that ends leaves no wait, and ends no other", "[http][hangup]") {
    watched_pair pair;
    std::optional<boost::system::error_code> written;
    pair.on_write = [&](boost::system::error_code const& ec) {
        written = ec;
    };
    pair.watch->stop();
    pair.loop.poll();
    CHECK_FALSE(written);
    std::string taken(pair.filled, '\0');
    asio::read(pair.far, asio::buffer(taken));
    pair.loop.poll();
    CHECK(written == boost::system::error_code());
    CHECK(pair.loop.stopped());  // nothing is waited for
    CHECK(pair.told == 0);
}

TEST_CASE("who stops to watch is not told of what was seen already", "[http][hangup]") {
    watched_pair pair;
    bool stopped = false;
    pair.on_write = [&](boost::system::error_code const&) {
        stopped = pair.told == 0;  // both waits have ended by now, and this one was called first
        pair.watch->stop();
    };
    pair.far.close();
    pair.loop.poll();
    CHECK(stopped);
    CHECK(pair.told == 0);
}

TEST_CASE("a client that leaves while a handler waits is told of", "[http][hangup]") {
    running_server server;
    asking custom(server);
    {
        raw_client client(server.where());
        client.send("POST /custom HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabc");
        REQUIRE(came(custom.waiting.get_future()));
        CHECK(custom.times_told() == 0);
    }
    CHECK(came(custom.gone.get_future()));
    custom.release();
    raw_client other(server.where());
    other.send(get);
    CHECK(status_of(other.response()) == 200);
    CHECK(custom.times_told() == 1);
}

TEST_CASE("a client that only ends its sending is told of, and answered", "[http][hangup]") {
    running_server server;
    asking custom(server);
    raw_client client(server.where());
    client.send(ask);
    client.finish_sending();
    CHECK(came(custom.gone.get_future()));
    custom.release();
    CHECK(status_of(client.response()) == 200);
    CHECK(client.closed());
}

TEST_CASE("who has not asked is not told, and serves a client that ends its sending",
          "[http][hangup]") {
    running_server server;
    std::promise<void> waiting;
    server.on_loop([&] {
        server.handler().on_waiting = [&] {
            waiting.set_value();
        };
    });
    raw_client client(server.where());
    client.send("GET /wait HTTP/1.1\r\nHost: a\r\n\r\n");
    client.finish_sending();
    REQUIRE(came(waiting.get_future()));
    server.on_loop([&] { server.handler().release(); });
    CHECK(body_of(client.response()) == "waited");
    CHECK(client.closed());
}

TEST_CASE("a client that sends its next request meanwhile has not left", "[http][hangup]") {
    running_server server;
    asking custom(server);
    raw_client client(server.where());
    client.send(ask);
    REQUIRE(came(custom.waiting.get_future()));
    client.send(get);
    CHECK(custom.times_told() == 0);
    client.finish_sending();
    CHECK(custom.times_told() == 0);
    custom.release();
    CHECK(status_of(client.response()) == 200);
    CHECK(header_of(client.response(), "X-Saw").starts_with("GET /healthz "));  // to its first byte
    CHECK(client.closed());
    CHECK(custom.times_told() == 0);
}

TEST_CASE("a client whose next request came in the same packet has not left", "[http][hangup]") {
    running_server server;
    asking custom(server);
    raw_client client(server.where());
    client.send(ask + get);
    client.finish_sending();
    REQUIRE(came(custom.waiting.get_future()));
    CHECK(custom.times_told() == 0);
    custom.release();
    CHECK(status_of(client.response()) == 200);
    CHECK(body_of(client.response()) == "ok");
    CHECK(client.closed());
}

TEST_CASE("a body is read as ever by who has asked too early, and is not told", "[http][hangup]") {
    running_server server;
    asking custom(server, false);
    raw_client client(server.where());
    client.send("POST /custom HTTP/1.1\r\nHost: a\r\nContent-Length: 6\r\n\r\nabc");
    client.send("def");
    client.finish_sending();
    REQUIRE(came(custom.waiting.get_future()));
    CHECK(custom.times_told() == 0);
    custom.release();
    CHECK(body_of(client.response()) == "abcdef");
}

TEST_CASE("nobody is told after the answer, and the connection is read as ever", "[http][hangup]") {
    int told = 0;
    running_server server;
    server.on_loop([&] {
        server.handler().custom = [&](http::request& incoming) -> broker::task<http::response> {
            incoming.peer->on_hangup([&] { ++told; });
            incoming.peer->on_hangup([&] { ++told; });
            co_return http::response{};
        };
    });
    {
        raw_client client(server.where());
        for (int i = 0; i < 100; ++i) {
            client.send(ask);
            REQUIRE(status_of(client.response()) == 200);
        }
        client.finish_sending();
        CHECK(client.closed());
    }
    server.on_loop([] {});
    CHECK(told == 0);
}

TEST_CASE("a client that ends its sending while it is answered is not told of", "[http][hangup]") {
    int told = 0;
    running_server server;
    server.on_loop([&] {
        server.handler().custom = [&](http::request& incoming) -> broker::task<http::response> {
            incoming.peer->on_hangup([&] { ++told; });
            http::response out;
            out.body = std::string(std::size_t{32} << 20, 'x');
            co_return out;
        };
    });
    raw_client client(server.where(), 4096);
    client.send(ask);
    auto const head = client.until("\r\n\r\n");
    client.finish_sending();  // the rest of the answer is still to be written
    for (int turn = 0; turn < 3; ++turn) {
        server.on_loop([] {});
    }
    CHECK(header_of(head, "Content-Length") == std::to_string(client.rest().size()));
    CHECK(told == 0);
}

TEST_CASE("a server that ends tells nobody that a client has left", "[http][hangup]") {
    running_server server;
    asking custom(server);
    raw_client client(server.where());
    client.send(ask);
    REQUIRE(came(custom.waiting.get_future()));
    server.begin_stop(std::chrono::milliseconds(1));
    server.wait_stopped();
    CHECK(client.closed());
    CHECK(custom.times_told() == 0);
}
