// SPDX-License-Identifier: Apache-2.0
// What a figure of 7 MB costs the broker's loop: a timer is due on it at each millisecond, and how
// late it comes is what everybody else would wait.
// On that one loop run the real connection to a kernel (zmtp, HMAC, reading on the pool), the
// service (collector, log of events and its file, outputs, answers) and the HTTP server with its
// API. Played are the kernel (a script behind real ZeroMQ), sandboxes, workspaces, and the table.
// Never fails for being slow. The loop is the main thread; kernel and client have one each.
#include "http/api/api.hpp"
#include "http/server/listener.hpp"
#include "tests/support/catch.hpp"
#include "tests/support/scripted_kernel.hpp"
#include "tests/support/service_stage.hpp"

#include <fmt/format.h>
#include <malloc.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdio>
#include <ctime>
#include <functional>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

namespace {

using clock_type = std::chrono::steady_clock;

constexpr int cells = 30;
constexpr std::size_t figure_bytes = 7'000'000;
constexpr double goal_ms = 10;  // single milliseconds
constexpr std::chrono::milliseconds every{1};
constexpr char const* key = "0123456789abcdef0123456789abcdef";

double ms(clock_type::duration span) {
    return std::chrono::duration<double, std::milli>(span).count();
}

/// Of this thread: what others take from it does not count.
double processor_ms() {
    timespec now{};
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
    return static_cast<double>(now.tv_sec) * 1e3 + static_cast<double>(now.tv_nsec) / 1e6;
}

/// Due at each millisecond; keeps the worst since it was last asked.
class ticker {
public:
    explicit ticker(boost::asio::io_context& loop) : timer_(loop) { arm(); }

    struct worst {
        double late = 0;   // of a tick
        double spent = 0;  // processor time of the loop between two ticks
    };
    worst take() { return std::exchange(worst_, {}); }

private:
    void arm() {
        due_ = std::max(due_ + every, clock_type::now());
        timer_.expires_at(due_);
        timer_.async_wait([this](boost::system::error_code error) {
            if (!error) {
                auto const spent = processor_ms();
                worst_.late = std::max(worst_.late, ms(clock_type::now() - due_));
                worst_.spent = std::max(worst_.spent, spent - spent_);
                spent_ = spent;
                arm();
            }
        });
    }

    boost::asio::steady_timer timer_;
    clock_type::time_point due_ = clock_type::now();
    double spent_ = processor_ms();
    worst worst_;
};

/// One blocking connection; an answer is read to its end and thrown away.
class client {
public:
    explicit client(std::uint16_t port) : fd_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
        sockaddr_in where{};
        where.sin_family = AF_INET;
        where.sin_port = htons(port);
        where.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        int const one = 1;
        ::setsockopt(fd_, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
        good_ = ::connect(fd_, reinterpret_cast<sockaddr*>(&where), sizeof where) == 0;
    }
    client(client const&) = delete;
    client& operator=(client const&) = delete;
    ~client() { ::close(fd_); }

    /// Bytes of the answer; 0 when there was none, or one that is no success.
    std::size_t ask(std::string_view line, std::string_view headers, std::string_view body) {
        auto const request = fmt::format(
            "{} HTTP/1.1\r\nHost: localhost\r\n{}Content-Length: {}\r\n\r\n{}", line,
            body.empty() ? headers : fmt::format("{}Content-Type: application/json\r\n", headers),
            body.size(), body);
        good_ = good_ && ::send(fd_, request.data(), request.size(), MSG_NOSIGNAL) ==
                             static_cast<ssize_t>(request.size());
        std::string head;
        while (good_ && head.find("\r\n\r\n") == std::string::npos) {
            head += piece();
        }
        if (!good_ || !head.starts_with("HTTP/1.1 200 ")) {
            return 0;
        }
        auto const begin = head.find("\r\n\r\n") + 4;
        auto bytes = head.size() - begin;
        auto const length = head.find("Content-Length: ");
        std::string last = head.substr(begin);
        if (length < begin) {
            for (auto const all = std::stoull(head.substr(length + 16)); good_ && bytes < all;) {
                bytes += piece().size();
            }
        } else {
            while (good_ && !last.ends_with("\r\n0\r\n\r\n")) {
                auto const more = piece();
                bytes += more.size();
                last = last.substr(last.size() - std::min<std::size_t>(last.size(), 8));
                last += more;
            }
        }
        return good_ ? bytes : 0;
    }

private:
    std::string_view piece() {
        auto const got = ::recv(fd_, room_.data(), room_.size(), 0);
        good_ = got > 0;
        return {room_.data(), good_ ? static_cast<std::size_t>(got) : 0};
    }

    int fd_;
    bool good_ = false;
    std::vector<char> room_ = std::vector<char>(std::size_t{1} << 20);
};

tests::kernel_script script() {
    tests::kernel_script what;
    what.on_code["nothing"] = tests::cell({});
    what.on_code["figure"] = tests::cell({tests::say{
        kernelproto::channel::iopub, "display_data",
        fmt::format(R"({{"data":{{"image/png":"{}","text/plain":"a figure"}},"metadata":{{}}}})",
                    std::string(figure_bytes, 'A'))}});
    return what;
}

/// The broker's loop with everything on it, and a kernel that can be asked for figures.
class bench {
public:
    bench() {
        stage_.context.connect = [this](kernelproto::connection_options options,
                                        kernelproto::kernel_connection::failure_sink on_failure) {
            options.key = key;
            options.socket_dir = sockets_.fd();
            options.owner = ::geteuid();
            return kernelproto::create_kernel_connection(stage_.loop, std::move(options),
                                                         std::move(on_failure));
        };
        auto opened = http::listener::open(stage_.loop, stage_.pool,
                                           http::tcp_endpoint{"127.0.0.1", 0}, api_, {}, {});
        REQUIRE(opened.has_value());
        listener_ = std::move(*opened);
        listener_->start();
    }
    bench(bench const&) = delete;
    bench& operator=(bench const&) = delete;
    ~bench() {
        stage_.get(stage_.api.delete_session({"default", "a"}));
        stage_.get(stop());
        stage_.tasks.cancel();
    }

    /// Calls `one` again and again from a thread of the client, and tells what the loop felt.
    /// Returns the milliseconds that the loop was at work at a stretch, half of the cells longer.
    double measure(std::string const& name, std::size_t at_least,
                   std::function<std::size_t(client&)> const& one) {
        std::vector<ticker::worst> seen;
        std::atomic<int> asked{0};
        std::atomic<int> answered{0};
        std::atomic<bool> good{true};
        auto const port = std::get<http::tcp_endpoint>(listener_->where()).port;
        std::thread calling([&] {
            client from{port};
            for (int i = 0; i < cells && good; ++i) {
                while (asked <= i) {
                    asked.wait(i);
                }
                good = one(from) >= at_least;
                ++answered;
            }
        });
        for (int i = 0; i < cells && good; ++i) {
            (void)ticker_.take();
            ++asked;
            asked.notify_one();
            stage_.until([&] { return answered > i; });
            seen.push_back(ticker_.take());
        }
        asked = cells;
        asked.notify_one();
        calling.join();
        REQUIRE(good);
        return tell(name, seen);
    }

    void head() const {
        fmt::print("  {:34}{:>9}{:>9}{:>12}{:>9}   ms\n", "", "late p50", "max", "at work p50",
                   "max");
    }

private:
    /// The listener has no interface without one.
    broker::task<bool> stop() {
        co_await listener_->stop(std::chrono::seconds(1));
        co_return true;
    }

    static double tell(std::string const& name, std::vector<ticker::worst> const& seen) {
        std::vector<double> late;
        std::vector<double> spent;
        for (auto const& one : seen) {
            late.push_back(one.late);
            spent.push_back(one.spent);
        }
        std::sort(late.begin(), late.end());
        std::sort(spent.begin(), spent.end());
        fmt::print("  {:34}{:9.2f}{:9.2f}{:12.2f}{:9.2f}\n", name, late[late.size() / 2],
                   late.back(), spent[spent.size() / 2], spent.back());
        return spent[spent.size() / 2];
    }

    test::temporary_directory sockets_;
    tests::scripted_kernel kernel_{sockets_.path(), key, script()};
    test::fake_host host_;
    test::service_stage stage_{host_};
    http::api::key_ring keys_;
    http::api::api api_{stage_.api, http::api::authenticator(keys_, true, {}),
                        http::api::host_guard(true, {}), http::api::api_settings{}};
    std::unique_ptr<http::listener> listener_;
    ticker ticker_{stage_.loop};
};

std::size_t run(client& from, std::string_view code) {
    return from.ask("POST /run", "", fmt::format(R"({{"code":"{}","session_id":"a"}})", code));
}

std::size_t stream(client& from, std::string_view code) {
    return from.ask("POST /v1/sessions/a/executions", "Accept: text/event-stream\r\n",
                    fmt::format(R"({{"code":"{}"}})", code));
}

}  // namespace

TEST_CASE("the longest that a timer of 1 ms waits for the loop", "[bench]") {
    (void)::mallopt(M_MMAP_THRESHOLD, 256 * 1024);  // as the program has it
    bench of;
    fmt::print(
        "a timer of 1 ms on the broker's loop, the longest of each of {} cells: how late it "
        "came, and how long the loop was at work between two ticks\n",
        cells);
    of.head();
    of.measure("no output, /run", 1, [](client& from) { return run(from, "nothing"); });
    of.measure("no output, streamed", 1, [](client& from) { return stream(from, "nothing"); });
    auto const waited =
        of.measure("7 MB, /run", figure_bytes, [](client& from) { return run(from, "figure"); });
    auto const streamed = of.measure("7 MB, streamed", figure_bytes,
                                     [](client& from) { return stream(from, "figure"); });
    for (auto const& [name, cost] : {std::pair{"/run", waited}, std::pair{"streamed", streamed}}) {
        fmt::print("  ms at work for 7 MB, {}: {:.2f} (goal: below {:.2f}) {}\n", name, cost,
                   goal_ms, cost < goal_ms ? "met" : "MISSED");
    }
}
