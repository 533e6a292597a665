// SPDX-License-Identifier: Apache-2.0
// The server and the client of the connection tests. Blocking calls have a deadline of 20 s.
#include "tests/unit/http/server/running_server.hpp"

#include "http/proto/ascii.hpp"
#include "http/proto/refusal.hpp"

#include <arpa/inet.h>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/post.hpp>
#include <fcntl.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <stdexcept>

namespace test {

using http::response;

broker::task<response> routes::echo(http::request& incoming) {
    incoming.body->limit(1024 * 1024);
    std::string all;
    for (;;) {
        auto const piece = co_await incoming.body->next();
        if (!piece) {
            auto const why =
                piece.error() == http::body_error::too_large ? http::refusal::body_too_large
                : piece.error() == http::body_error::timeout ? http::refusal::request_timeout
                                                             : http::refusal::bad_request;
            co_return http::refuse(why, "while reading the body");
        }
        if (piece->empty()) {
            break;
        }
        all += *piece;
    }
    response out;
    out.body = std::move(all);
    co_return out;
}

broker::task<response> routes::handle(http::request& incoming) {
    response out;
    out.headers.add("X-Saw", incoming.method + " " + incoming.path + " " + incoming.query + " " +
                                 incoming.authority + " " + incoming.peer_address + " " +
                                 std::to_string(incoming.headers.entries().size()));
    if (incoming.path == "/healthz") {
        out.body = "ok";
    } else if (incoming.path == "/echo") {
        co_return co_await echo(incoming);
    } else if (incoming.path == "/refuse") {
        co_return http::refuse(http::refusal::body_too_large, "not read");
    } else if (incoming.path == "/wait") {
        if (on_waiting) {
            on_waiting();
        }
        co_await gate_.wait();
        out.body = "waited";
    } else if (incoming.path == "/throw") {
        throw std::runtime_error("a secret");
    } else if (incoming.path == "/file") {
        auto file =
            std::make_shared<broker::unique_fd>(::open(file_path.c_str(), O_RDONLY | O_CLOEXEC));
        out.body = http::file_body{std::move(file), 0, file_promise};
    } else if (incoming.path == "/custom") {
        co_return co_await custom(incoming);
    } else if (incoming.path == "/empty") {
        out.status = 204;
    } else {
        out = http::refuse(http::refusal::not_found, "no such route");
    }
    co_return out;
}

running_server::running_server(http::server_settings settings, http::endpoint where) {
    http::server_events events;
    events.failed = [this](std::string_view what, std::string_view detail) {
        failures_.push_back(std::string(what) + ": " + std::string(detail));
    };
    events.full = [this](std::size_t connections) {
        failures_.push_back("full: " + std::to_string(connections));
    };
    events.answered = [this](std::string_view method, std::string_view path, int status,
                             std::string_view, std::chrono::microseconds) {
        answers_.push_back(std::string(method) + " " + std::string(path) + " " +
                           std::to_string(status));
    };
    auto opened = http::listener::open(loop_, pool_, std::move(where), routes_, settings, events);
    if (!opened) {
        throw std::runtime_error(opened.error().detail);
    }
    listener_ = std::move(*opened);
    listener_->start();
    thread_ = std::thread([this] {
        auto const work = boost::asio::make_work_guard(loop_);
        loop_.run();
    });
}

running_server::~running_server() {
    begin_stop(std::chrono::milliseconds(0));
    wait_stopped();
    loop_.stop();
    thread_.join();
}

void running_server::on_loop(std::function<void()> work) {
    std::promise<void> done;
    boost::asio::post(loop_, [&] {
        work();
        done.set_value();
    });
    done.get_future().wait();
}

void running_server::begin_stop(std::chrono::milliseconds grace) {
    if (std::exchange(stopping_, true)) {
        return;
    }
    stopped_ = std::make_shared<std::promise<void>>();
    on_loop([&, grace] {
        boost::asio::co_spawn(loop_, listener_->stop(grace),
                              [done = stopped_](std::exception_ptr) { done->set_value(); });
    });
}

void running_server::wait_stopped() {
    if (stopped_) {
        stopped_->get_future().wait();
        stopped_.reset();
    }
}

std::size_t running_server::connections() {
    std::size_t count = 0;
    on_loop([&] { count = listener_->connections(); });
    return count;
}

std::vector<std::string> running_server::answers() {
    std::vector<std::string> copy;
    on_loop([&] { copy = answers_; });
    return copy;
}

std::vector<std::string> running_server::failures() {
    std::vector<std::string> copy;
    on_loop([&] { copy = failures_; });
    return copy;
}

raw_client::raw_client(http::endpoint const& where, int receive_buffer)
    : raw_client(socket(std::holds_alternative<http::tcp_endpoint>(where) ? AF_INET : AF_UNIX,
                        SOCK_STREAM | SOCK_CLOEXEC, 0),
                 where, receive_buffer) {}

raw_client::raw_client(int socket, http::endpoint const& where, int receive_buffer) : fd_(socket) {
    sockaddr_storage storage{};
    socklen_t size = 0;
    if (auto const* const tcp = std::get_if<http::tcp_endpoint>(&where)) {
        auto* const address = reinterpret_cast<sockaddr_in*>(&storage);
        address->sin_family = AF_INET;
        address->sin_port = htons(tcp->port);
        inet_pton(AF_INET, tcp->address.c_str(), &address->sin_addr);
        size = sizeof *address;
    } else {
        auto* const address = reinterpret_cast<sockaddr_un*>(&storage);
        address->sun_family = AF_UNIX;
        std::get<http::unix_endpoint>(where).path.copy(address->sun_path, 107);
        size = sizeof *address;
    }
    timeval const patience{20, 0};
    setsockopt(fd_, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    setsockopt(fd_, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience);
    if (receive_buffer > 0) {
        setsockopt(fd_, SOL_SOCKET, SO_RCVBUF, &receive_buffer, sizeof receive_buffer);
    }
    if (connect(fd_, reinterpret_cast<sockaddr const*>(&storage), size) != 0) {
        ::close(fd_);
        throw std::runtime_error("connect failed");
    }
}

raw_client::~raw_client() { ::close(fd_); }

bool raw_client::send(std::string_view bytes) {
    while (!bytes.empty()) {
        auto const sent = ::send(fd_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
        if (sent <= 0) {
            return false;
        }
        bytes.remove_prefix(static_cast<std::size_t>(sent));
    }
    return true;
}

void raw_client::finish_sending() { ::shutdown(fd_, SHUT_WR); }

bool raw_client::fill() {
    char bytes[16384];
    auto const got = ::recv(fd_, bytes, sizeof bytes, 0);
    if (got <= 0) {
        silent_ = got < 0 && errno == EAGAIN;
        return false;
    }
    buffer_.append(bytes, static_cast<std::size_t>(got));
    return true;
}

std::string raw_client::until(std::string_view text) {
    std::size_t at = 0;
    while ((at = buffer_.find(text)) == std::string::npos) {
        if (!fill()) {
            return {};
        }
    }
    auto out = buffer_.substr(0, at + text.size());
    buffer_.erase(0, out.size());
    return out;
}

std::string raw_client::response(bool to_head) {
    auto out = until("\r\n\r\n");
    auto const length = http::ascii::to_number(header_of(out, "Content-Length")).value_or(0);
    while (!to_head && buffer_.size() < length) {
        if (!fill()) {
            return {};
        }
    }
    auto const body = to_head ? 0 : length;
    out += buffer_.substr(0, body);
    buffer_.erase(0, body);
    return out;
}

std::string raw_client::rest() {
    while (fill()) {
    }
    return std::exchange(buffer_, {});
}

bool raw_client::closed() { return buffer_.empty() && !fill() && !silent_; }

int status_of(std::string const& response) {
    return response.size() > 12 ? std::stoi(response.substr(9, 3)) : 0;
}

std::string header_of(std::string const& response, std::string const& name) {
    auto const end = response.find("\r\n\r\n");
    auto const at = response.find("\r\n" + name + ": ");
    if (at == std::string::npos || at > end) {
        return {};
    }
    auto const from = at + 4 + name.size();
    return response.substr(from, response.find("\r\n", from) - from);
}

std::string body_of(std::string const& response) {
    return response.substr(std::min(response.size(), response.find("\r\n\r\n") + 4));
}

}  // namespace test
