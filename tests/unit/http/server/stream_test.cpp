// SPDX-License-Identifier: Apache-2.0
// Bodies that are made while they are sent: their framing, their end, and every way to break off.
#include "tests/support/catch.hpp"
#include "tests/unit/http/server/running_server.hpp"

#include <deque>
#include <memory>
#include <stdexcept>

using test::body_of;
using test::header_of;
using test::raw_client;
using test::running_server;
using test::status_of;

namespace {

std::string const get = "GET /healthz HTTP/1.1\r\nHost: a\r\n\r\n";
std::string const ask = "GET /custom HTTP/1.1\r\nHost: a\r\n\r\n";

bool came(std::future<void> const& event) {
    return event.wait_for(std::chrono::seconds(20)) == std::future_status::ready;
}

/// Gives what was pushed and waits for more; an empty piece is the end. On the loop.
class pushed_source final : public http::body_source {
public:
    explicit pushed_source(boost::asio::any_io_executor executor) : executor_(executor) {}

    broker::task<std::string> next() override {
        if (++asked == 1) {
            waiting.set_value();
        }
        while (pieces_.empty() && stops == 0) {
            auto const more = std::make_shared<broker::async_event>(executor_);
            more_ = more;
            co_await more->wait();
        }
        if (stops != 0) {
            co_return "late";
        }
        auto piece = pieces_.front();
        if (!endless) {
            pieces_.pop_front();
        }
        if (piece == "throw") {
            throw std::runtime_error("a secret");
        }
        co_return piece;
    }

    void stop() override {
        if (++stops == 1) {
            stopped.set_value();
        }
        raise();
    }

    void push(std::string piece) {
        pieces_.push_back(std::move(piece));
        raise();
    }

    std::promise<void> waiting;
    std::promise<void> stopped;
    bool endless = false;  // the first piece again and again
    int asked = 0;
    int stops = 0;

private:
    void raise() {
        if (more_) {
            more_->raise();
        }
    }

    boost::asio::any_io_executor executor_;
    std::deque<std::string> pieces_;
    std::shared_ptr<broker::async_event> more_;
};

/// A server whose /custom answers with one source.
class streaming {
public:
    explicit streaming(http::server_settings settings = {}, std::vector<std::string> pieces = {})
        : server(settings) {
        server.on_loop([&] {
            server.handler().custom = [this](http::request&) -> broker::task<http::response> {
                http::response out;
                out.status = status;
                out.body = source;
                source->endless = endless;
                co_return out;
            };
        });
        server.on_loop([&] {
            source = std::make_shared<pushed_source>(server.executor());
            for (auto& piece : pieces) {
                source->push(std::move(piece));
            }
        });
    }

    void push(std::string piece) {
        server.on_loop([&] { source->push(std::move(piece)); });
    }
    int stops() {
        int count = 0;
        server.on_loop([&] { count = source->stops; });
        return count;
    }
    int asked() {
        int count = 0;
        server.on_loop([&] { count = source->asked; });
        return count;
    }

    int status = 200;
    bool endless = false;
    running_server server;
    std::shared_ptr<pushed_source> source;  // has timers of the server's loop
};

}  // namespace

TEST_CASE("a stream is sent in chunks, and the connection goes on", "[http][stream]") {
    streaming here;
    raw_client client(here.server.where());
    client.send(ask);
    auto const head = client.until("\r\n\r\n");  // nothing was made yet
    CHECK(status_of(head) == 200);
    CHECK(header_of(head, "Transfer-Encoding") == "chunked");
    CHECK(header_of(head, "Content-Length").empty());
    CHECK(header_of(head, "Connection").empty());
    here.push("a");
    CHECK(client.until("a\r\n") == "1\r\na\r\n");
    here.push(std::string(26, 'x'));
    here.push("1\r\n2");
    here.push("");
    client.send(get + "GET /healthz HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
    auto const rest = client.rest();
    auto const chunks = "1a\r\n" + std::string(26, 'x') + "\r\n4\r\n1\r\n2\r\n0\r\n\r\n";
    REQUIRE(rest.starts_with(chunks + "HTTP/1.1 200 OK\r\n"));
    CHECK(rest.substr(chunks.size()).find("HTTP/1.1 200 OK\r\n", 1) != std::string::npos);
    CHECK(here.stops() == 0);
    CHECK(here.asked() == 4);
}

TEST_CASE("a stream that is ready is sent whole, whatever its pieces are", "[http][stream]") {
    std::string const large(300000, 'l');
    streaming here({}, {large, "b", ""});
    raw_client client(here.server.where());
    client.send(ask);
    client.until("\r\n\r\n");
    CHECK(client.until("0\r\n\r\n") == "493e0\r\n" + large + "\r\n1\r\nb\r\n0\r\n\r\n");
    client.send(get);
    CHECK(body_of(client.response()) == "ok");
    CHECK(here.stops() == 0);
}

TEST_CASE("an empty stream is the last chunk", "[http][stream]") {
    streaming here({}, {""});
    raw_client client(here.server.where());
    client.send(ask);
    client.until("\r\n\r\n");
    CHECK(client.until("\r\n\r\n") == "0\r\n\r\n");
    CHECK(here.asked() == 1);
}

TEST_CASE("HTTP/1.0 gets a stream up to the end of its connection", "[http][stream]") {
    streaming here({}, {"a", "bc", ""});
    raw_client client(here.server.where());
    client.send("GET /custom HTTP/1.0\r\nConnection: keep-alive\r\n\r\n");
    auto const head = client.until("\r\n\r\n");
    CHECK(header_of(head, "Transfer-Encoding").empty());
    CHECK(header_of(head, "Content-Length").empty());
    CHECK(header_of(head, "Connection") == "close");
    CHECK(client.rest() == "abc");
    CHECK(here.stops() == 0);
}

TEST_CASE("HEAD and 204 stop a stream that was never asked", "[http][stream]") {
    for (bool const head_only : {true, false}) {
        INFO(head_only);
        streaming here;
        here.status = head_only ? 200 : 204;
        raw_client client(here.server.where());
        client.send((head_only ? "HEAD" : "GET") + ask.substr(3));
        auto const head = client.until("\r\n\r\n");
        CHECK(status_of(head) == here.status);
        CHECK(header_of(head, "Transfer-Encoding") == (head_only ? "chunked" : ""));
        CHECK(came(here.source->stopped.get_future()));
        client.send(get);
        CHECK(body_of(client.response()) == "ok");  // nothing of a body came between
        CHECK(here.asked() == 0);
        CHECK(here.stops() == 1);
    }
}

TEST_CASE("a stream whose client leaves while it waits is stopped", "[http][stream]") {
    streaming here;
    {
        raw_client client(here.server.where());
        client.send(ask);
        REQUIRE(came(here.source->waiting.get_future()));
    }
    CHECK(came(here.source->stopped.get_future()));
    while (here.server.connections() != 0) {
        std::this_thread::yield();
    }
    CHECK(here.stops() == 1);
    CHECK(here.asked() == 1);
}

TEST_CASE("a client that ends its sending ends its stream", "[http][stream]") {
    streaming here({}, {"a"});
    raw_client client(here.server.where());
    client.send(ask);
    client.until("a\r\n");
    client.finish_sending();
    CHECK(came(here.source->stopped.get_future()));
    CHECK(client.rest().empty());  // what came late is not sent, nor a last chunk
    CHECK(here.stops() == 1);
}

TEST_CASE("a client that sends its next request meanwhile keeps its stream", "[http][stream]") {
    streaming here({}, {"a"});
    raw_client client(here.server.where());
    client.send(ask);
    client.until("a\r\n");
    client.send(get);
    client.finish_sending();
    CHECK(here.stops() == 0);
    here.push("b");
    here.push("");
    CHECK(client.until("0\r\n\r\n") == "1\r\nb\r\n0\r\n\r\n");
    CHECK(header_of(client.response(), "X-Saw").starts_with("GET /healthz "));
    CHECK(here.stops() == 0);
}

TEST_CASE("a reader that takes nothing is given up, and nothing piles up", "[http][stream]") {
    http::server_settings settings;
    settings.write_time = std::chrono::milliseconds(50);
    std::size_t const piece = 64 * 1024;
    streaming here(settings, {std::string(piece, 'x')});
    here.endless = true;
    raw_client client(here.server.where(), 4096);
    client.send(ask);
    CHECK(came(here.source->stopped.get_future()));
    while (here.server.connections() != 0) {
        std::this_thread::yield();
    }
    CHECK(here.stops() == 1);
    // What was made went to the sockets, whose buffers are a few MiB, but for the last piece.
    CHECK(here.asked() > 0);
    CHECK(static_cast<std::size_t>(here.asked()) * piece < std::size_t{64} * 1024 * 1024);
}

TEST_CASE("a source that throws costs its connection and says nothing", "[http][stream]") {
    streaming here({}, {"a", "throw"});
    raw_client client(here.server.where());
    client.send(ask);
    client.until("\r\n\r\n");
    CHECK(client.rest() == "1\r\na\r\n");  // without the last chunk the client knows it was cut
    CHECK(here.stops() == 1);
    REQUIRE(here.server.failures().size() == 1);
    CHECK(here.server.failures()[0].starts_with("stream: "));
    CHECK(here.server.failures()[0].ends_with(": a secret"));
}

TEST_CASE("a stream goes on while the server waits for its end", "[http][stream]") {
    streaming here;
    raw_client client(here.server.where());
    client.send(ask);
    CHECK(header_of(client.until("\r\n\r\n"), "Connection").empty());
    here.server.begin_stop(std::chrono::seconds(20));
    here.push("a");
    CHECK(client.until("a\r\n") == "1\r\na\r\n");
    CHECK(here.stops() == 0);
    here.push("");
    CHECK(client.rest() == "0\r\n\r\n");
    here.server.wait_stopped();
    CHECK(here.stops() == 0);
}

TEST_CASE("a stream that outlasts the server's patience is stopped", "[http][stream]") {
    streaming here;
    raw_client client(here.server.where());
    client.send(ask);
    REQUIRE(came(here.source->waiting.get_future()));
    here.server.begin_stop(std::chrono::milliseconds(1));
    here.server.wait_stopped();
    CHECK(here.stops() == 1);
    client.until("\r\n\r\n");
    CHECK(client.closed());
}

TEST_CASE("who asked is told of a hangup while its stream is sent", "[http][stream]") {
    streaming here;
    std::promise<void> gone;
    here.server.on_loop([&] {
        here.server.handler().custom =
            [&](http::request& incoming) -> broker::task<http::response> {
            incoming.peer->on_hangup([&] { gone.set_value(); });
            http::response out;
            out.body = here.source;
            co_return out;
        };
    });
    {
        raw_client client(here.server.where());
        client.send(ask);
        REQUIRE(came(here.source->waiting.get_future()));
    }
    CHECK(came(gone.get_future()));
    CHECK(came(here.source->stopped.get_future()));
}
