// SPDX-License-Identifier: Apache-2.0
// The link by itself: what it does with its sockets, whoever hears from it.
#include "kernelproto/link/socket_search.hpp"
#include "kernelproto/link/zmq_link.hpp"
#include "kernelproto/link/zmq_monitor.hpp"
#include "kernelproto/link/zmtp_link.hpp"
#include "kernelproto/wire/codec.hpp"
#include "tests/support/canary.hpp"
#include "tests/support/kernel_stage.hpp"

#include <poll.h>
#include <sys/syscall.h>

#include <cerrno>
#include <thread>

using namespace kernelproto;
using namespace tests;

namespace {

/// How many of this thread's next calls of poll(2) a signal shall interrupt.
thread_local int interruptions = 0;

struct recorder final : link_handler {
    void on_message(channel from, frame_list) override { heard.push_back(from); }
    void on_discarded(std::uint64_t, std::uint64_t) override {}
    void on_failure(link_failure, std::string const& detail) override {
        failures.push_back(detail);
    }
    auto count(channel from) const { return std::count(heard.begin(), heard.end(), from); }

    std::vector<channel> heard;
    std::vector<std::string> failures;
};

std::shared_ptr<kernelproto::link> open_link(boost::asio::io_context& loop, stage const& where,
                                             link_handler& handler) {
    socket_search search{where.fd(), "k", ::geteuid()};
    REQUIRE(search.look());
    link_options options;
    options.identity = "me";
    options.sockets = search.take();
    if (transport_under_test() == transport::libzmq) {
        auto opened = zmq_link::open(loop, std::move(options), handler);
        REQUIRE(opened);
        return *opened;
    }
    auto opened = zmtp_link::open(loop, std::move(options), handler);
    REQUIRE(opened);
    return *opened;
}

frame_list kernel_info_request(int number) {
    static signer keys{test_key};
    outgoing out;
    out.head = {"ours_" + std::to_string(number), "ours", "", "", "kernel_info_request", "5.3"};
    return encode(out, keys);
}

}  // namespace

/// libzmq looks at a socket's mailbox by poll(2), and gives up its call when that is interrupted.
extern "C" int poll(pollfd* descriptors, nfds_t count, int timeout) {
    if (interruptions > 0) {
        --interruptions;
        errno = EINTR;
        return -1;
    }
    return static_cast<int>(::syscall(SYS_poll, descriptors, count, timeout));
}

TEST_CASE("what is sent before a connection is made arrives", "[link][socket]") {
    stage s;
    scripted_kernel kernel{s.directory(), test_key, {}};
    recorder hears;
    auto const opened = open_link(s.loop(), s, hears);
    for (int i = 0; i < 3; ++i) {
        CHECK(opened->send(channel::control, kernel_info_request(i)).has_value());
    }
    CHECK(s.until([&] { return hears.count(channel::control) == 3; }));
    CHECK(hears.failures.empty());
    opened->close();
}

TEST_CASE("a connection that is not taken is noticed", "[link][socket]") {
    auto const [number, name] = GENERATE(table<int, std::string>(
        {{1, "shell"}, {2, "iopub"}, {3, "stdin"}, {4, "control"}, {5, "heartbeat"}}));
    kernel_stage s;
    std::filesystem::remove(s.path(number));
    canary const full{s.path(number), 0};  // the probe takes the only place in its queue
    s.connect_within = std::chrono::milliseconds{500};
    s.renew();
    boost::asio::co_spawn(s.loop(),
                          kernel_driver::become_usable(s.driver, readiness::mode::fresh,
                                                       in(std::chrono::seconds{60})),
                          [](std::exception_ptr, result<kernel_info> const&) {});
    REQUIRE(s.until([&] { return !s.failures.empty(); }));
    CHECK(s.failures[0].first == link_failure::lost);
    CHECK_THAT(s.failures[0].second, Catch::Matchers::ContainsSubstring(name));
}

TEST_CASE("a signal that interrupts libzmq is not taken for a loss", "[link][socket]") {
    kernel_stage s;
    scripted_kernel* const kernel = &*s.kernel;
    REQUIRE(s.ready());
    recorder hears;
    auto const opened = open_link(s.loop(), s, hears);
    for (int i = 0; i < 50; ++i) {
        interruptions = 20;
        CHECK(opened->send(channel::control, kernel_info_request(i)).has_value());
        REQUIRE(s.until([&] {
            interruptions += kernel->nudges() % 3;
            return hears.count(channel::control) > i || !hears.failures.empty();
        }));
    }
    interruptions = 0;
    CHECK(hears.failures.empty());
    CHECK(s.failures.empty());
    opened->close();
}

TEST_CASE("a monitor that is closed before its peer leaves holds up no other kernel",
          "[link][socket]") {
    kernel_stage s;
    stage elsewhere;
    std::optional<scripted_kernel> other{std::in_place, elsewhere.directory(), test_key,
                                         kernel_script{}};
    zmq_socket_settings settings;
    settings.what = zmq_socket_settings::kind::subscriber;
    settings.max_frame_bytes = 1024;
    auto const opened = zmq_socket::open(s.loop(), settings);
    REQUIRE(opened);
    auto watched = zmq_monitor::watch(s.loop(), **opened);
    REQUIRE(watched);
    REQUIRE((*opened)->connect("ipc://" + elsewhere.path(2)));
    REQUIRE(s.until([&] { return (*opened)->ask().readable; }));  // the kernel's welcome
    watched->reset();
    other.reset();
    CHECK(s.ready().has_value());
}

TEST_CASE("links that are closed while their kernels die hold up no other kernel",
          "[link][socket]") {
    kernel_stage s;
    stage elsewhere;
    for (int round = 0; round < 100; ++round) {
        std::optional<scripted_kernel> other{std::in_place, elsewhere.directory(), test_key,
                                             kernel_script{}};
        recorder hears;
        auto const opened = open_link(s.loop(), elsewhere, hears);
        REQUIRE(s.until([&] { return hears.count(channel::iopub) > 0; }));
        std::thread dies{[&] {
            other.reset();
        }};
        opened->close();
        dies.join();
    }
    CHECK(s.ready().has_value());
}
