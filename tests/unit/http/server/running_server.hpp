// SPDX-License-Identifier: Apache-2.0
// A real server on a real socket with a handler made of test routes, and a client that sends bytes
// exactly as given. The server runs on a thread of its own; the client blocks, with a deadline.
#pragma once

#include "broker/base/async_event.hpp"
#include "http/proto/message.hpp"
#include "http/server/listener.hpp"

#include <chrono>
#include <functional>
#include <future>
#include <memory>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

namespace test {

/// Answers /healthz, /echo (the body back, at most 1 MiB), /refuse (413 without reading), /wait
/// (until `release`), /throw, /file, /custom (as the test has it); all else 404. Says in its header
/// what it saw.
class routes final : public http::handler {
public:
    explicit routes(boost::asio::any_io_executor executor) : gate_(executor) {}
    broker::task<http::response> handle(http::request& incoming) override;
    void release() { gate_.raise(); }

    std::string file_path;             // what /file sends
    std::uint64_t file_promise = 0;    // and the length it promises
    std::function<void()> on_waiting;  // called on the loop when /wait has begun
    /// Answers /custom, on the loop; outlives what it answers.
    std::function<broker::task<http::response>(http::request&)> custom;
    broker::task<> released() { return gate_.wait(); }

private:
    broker::task<http::response> echo(http::request& incoming);
    broker::async_event gate_;
};

class running_server {
public:
    explicit running_server(http::server_settings settings = {}, http::endpoint where = loopback());
    ~running_server();
    running_server(running_server const&) = delete;
    running_server& operator=(running_server const&) = delete;

    static http::endpoint loopback() { return http::tcp_endpoint{"127.0.0.1", 0}; }

    /// Runs on the loop and waits for it.
    void on_loop(std::function<void()> work);
    /// Begins to stop; `stopped` waits for the end.
    void begin_stop(std::chrono::milliseconds grace);
    void wait_stopped();

    http::endpoint const& where() const { return listener_->where(); }
    routes& handler() { return routes_; }
    boost::asio::any_io_executor executor() { return loop_.get_executor(); }
    std::size_t connections();
    std::vector<std::string> failures();  // what the server reported, "what: detail"
    std::vector<std::string> answers();   // likewise, "METHOD /path status"

private:
    boost::asio::io_context loop_{1};
    boost::asio::thread_pool pool_{1};
    routes routes_{loop_.get_executor()};
    std::vector<std::string> failures_;
    std::vector<std::string> answers_;
    std::unique_ptr<http::listener> listener_;
    bool stopping_ = false;
    std::shared_ptr<std::promise<void>> stopped_;
    std::thread thread_;
};

class raw_client {
public:
    explicit raw_client(http::endpoint const& where, int receive_buffer = 0);
    /// Connects this socket, and owns it.
    raw_client(int socket, http::endpoint const& where, int receive_buffer = 0);
    ~raw_client();
    raw_client(raw_client const&) = delete;
    raw_client& operator=(raw_client const&) = delete;

    /// False if the server has closed.
    bool send(std::string_view bytes);
    void finish_sending();
    /// One response with its body (by Content-Length); empty at the end of the connection.
    std::string response(bool to_head = false);
    /// Up to `text`, inclusive.
    std::string until(std::string_view text);
    /// All until the server closes.
    std::string rest();
    /// The server has closed and nothing is left; false if it is only silent.
    bool closed();

private:
    bool fill();
    int fd_ = -1;
    bool silent_ = false;  // nothing came within the deadline
    std::string buffer_;
};

int status_of(std::string const& response);
/// Value of a header, empty if absent.
std::string header_of(std::string const& response, std::string const& name);
std::string body_of(std::string const& response);

}  // namespace test
