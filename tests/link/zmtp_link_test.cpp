// SPDX-License-Identifier: Apache-2.0
// Our own transport against peers that no library would be.
#include "kernelproto/link/zmtp_link.hpp"

#include "kernelproto/link/link_errc.hpp"
#include "kernelproto/link/socket_search.hpp"
#include "tests/support/allocated.hpp"
#include "tests/support/raw_kernel.hpp"

#include <sys/syscall.h>
#include <sys/uio.h>

#include <algorithm>
#include <atomic>
#include <functional>
#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

using namespace kernelproto;
using namespace tests;
using namespace std::string_literals;

namespace {

constexpr std::size_t mib = std::size_t{1024} * 1024;

/// The most that this thread has asked one readv(2) for.
thread_local std::size_t most_asked = 0;

struct recorder final : link_handler {
    void on_message(channel from, frame_list frames) override {
        auto& text = heard.emplace_back(name_of(from));
        for (auto const& each : frames) {
            text += " " + std::string{each.bytes()};
        }
        if (on_any) {
            on_any();
        }
    }
    void on_discarded(std::uint64_t, std::uint64_t) override {}
    void on_failure(link_failure why, std::string const& detail) override {
        failures.emplace_back(why, detail);
    }

    std::vector<std::string> heard;
    std::vector<std::pair<link_failure, std::string>> failures;
    std::function<void()> on_any;
};

struct fixture {
    explicit fixture(std::size_t limit = 256 * mib,
                     std::chrono::milliseconds connect_within = std::chrono::seconds{60}) {
        socket_search search{s.fd(), "k", ::geteuid()};
        REQUIRE(search.look());
        link_options options;
        options.identity = "me";
        options.max_message_bytes = limit;
        options.connect_within = connect_within;
        options.sockets = search.take();
        auto opened = zmtp_link::open(s.loop(), std::move(options), hears);
        REQUIRE(opened);
        link = *opened;
        turn();
        kernel.accept();
    }
    fixture(fixture const&) = delete;
    fixture& operator=(fixture const&) = delete;
    ~fixture() {
        link->close();
        turn();
    }

    /// Everything that can happen now happens.
    void turn() {
        s.loop().restart();
        s.loop().poll();
    }
    void establish() {
        kernel.greet();
        turn();
        for (auto const c : {channel::shell, channel::iopub, channel::control,
                             channel::stdin_channel, channel::heartbeat}) {
            (void)kernel.heard(c);
        }
    }
    bool failed() {
        return s.until([&] { return !hears.failures.empty(); });
    }
    result<void> say(channel to, std::string text) {
        return link->send(to, frame_list{frame{std::move(text)}});
    }

    stage s;
    raw_kernel kernel{s};
    recorder hears;
    std::shared_ptr<zmtp_link> link;
};

std::string head(bool more, std::uint64_t size) {
    std::string bytes{more ? '\x03' : '\x02'};
    for (int shift = 56; shift >= 0; shift -= 8) {
        bytes += static_cast<char>(size >> static_cast<unsigned>(shift));
    }
    return bytes;
}

/// Linux 6.16 and later.
bool descriptors_can_be_refused() {
    constexpr int so_passrights = 83;
    int const no = 0;
    owned_fd const any{::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0)};
    return ::setsockopt(any.get(), SOL_SOCKET, so_passrights, &no, sizeof no) == 0;
}

}  // namespace

extern "C" ssize_t readv(int descriptor, iovec const* into, int count) {
    std::size_t asked = 0;
    for (int i = 0; i < count; ++i) {
        asked += into[i].iov_len;
    }
    most_asked = std::max(most_asked, asked);
    return ::syscall(SYS_readv, descriptor, into, count);
}

TEST_CASE("each channel greets as what it is", "[zmtp][link]") {
    fixture f;
    f.kernel.greet();
    f.turn();
    auto const dealer = zmtp::ready(zmtp::socket_type::dealer, "");
    auto const known = zmtp::ready(zmtp::socket_type::dealer, "me");
    CHECK(f.kernel.heard(channel::shell) == zmtp::greeting() + known);
    CHECK(f.kernel.heard(channel::stdin_channel) == zmtp::greeting() + known);
    CHECK(f.kernel.heard(channel::control) == zmtp::greeting() + known);
    CHECK(f.kernel.heard(channel::heartbeat) == zmtp::greeting() + dealer);
    CHECK(f.kernel.heard(channel::iopub) ==
          zmtp::greeting() + zmtp::ready(zmtp::socket_type::sub, "") + zmtp::subscribe_to_all(1));
}

TEST_CASE("what is sent before the handshake goes out after it, in order", "[zmtp][link]") {
    fixture f;
    CHECK(f.say(channel::control, "one"));
    CHECK(f.say(channel::control, "two"));
    f.turn();
    CHECK(f.kernel.heard(channel::control) == zmtp::greeting());
    f.kernel.greet();
    f.turn();
    CHECK(f.say(channel::control, "three"));
    CHECK(f.kernel.heard(channel::control) ==
          zmtp::ready(zmtp::socket_type::dealer, "me") + "\0\x03one\0\x03two\0\x05three"s);
}

TEST_CASE("a message that the socket does not take at once goes out as it is read",
          "[zmtp][link]") {
    fixture f;
    f.establish();
    std::string const large(3 * mib, 'L');
    CHECK(f.say(channel::shell, large));
    CHECK(f.say(channel::shell, "after"));
    std::string got;
    REQUIRE(f.s.until([&] {
        got += f.kernel.heard(channel::shell);
        return got.size() == 9 + large.size() + 7;
    }));
    CHECK(got == head(false, large.size()).replace(0, 1, "\x02") + large +
                     "\0\x05"
                     "after"s);
}

TEST_CASE("a peer that is no ZeroMQ socket of a kernel is told apart", "[zmtp][link][hostile]") {
    auto const [sent, words] = GENERATE(table<std::string, std::string>({
        {"HTTP/1.1 400 Bad Request\r\n\r\n", "control did not greet as ZeroMQ does"},
        {"\xFF\0\0\0\0\0\0\0\x01\x7F\x01"s, "control speaks ZMTP below 3.0"},
        {zmtp::greeting() + "\x04\x19\x05READY\x0BSocket-Type\0\0\0\x03PUB"s,
         "control is a socket of the wrong type"},
        {zmtp::greeting() + "\x04\x06\x05"
                            "ERROR"s,
         "control broke the handshake of ZMTP"},
    }));
    fixture f;
    f.kernel.say(channel::control, sent);
    REQUIRE(f.failed());
    CHECK(f.hears.failures.size() == 1);
    CHECK(f.hears.failures[0] == std::pair{link_failure::lost, words});
    CHECK(f.say(channel::shell, "x").has_error());
}

TEST_CASE("a peer that stops in the middle of the handshake is given up", "[zmtp][link][hostile]") {
    auto const bytes = GENERATE(std::size_t{0}, std::size_t{63}, std::size_t{64}, std::size_t{80});
    fixture f{256 * mib, std::chrono::milliseconds{50}};
    f.kernel.greet();
    f.turn();
    fixture g{256 * mib, std::chrono::milliseconds{50}};
    g.kernel.say(channel::stdin_channel,
                 (zmtp::greeting() + "\x04\x1C\x05READY\x0BSocket"s).substr(0, bytes));
    REQUIRE(g.failed());
    CHECK(g.hears.failures[0].first == link_failure::lost);
    CHECK(f.hears.failures.empty());
}

TEST_CASE("broken framing after good messages ends the link behind them", "[zmtp][link][hostile]") {
    fixture f;
    f.establish();
    f.kernel.say(channel::iopub, "\0\x04good\x08\x01x"s);
    REQUIRE(f.failed());
    CHECK(f.hears.heard == std::vector<std::string>{"iopub good"});
    CHECK(f.hears.failures[0] == std::pair{link_failure::lost, "iopub broke the framing of ZMTP"s});
}

TEST_CASE("nothing is sent any more once it is clear why a link ends", "[zmtp][link]") {
    fixture f;
    f.establish();
    int refused = 0;
    f.hears.on_any = [&] {
        refused += f.say(channel::shell, "x").error() == link_errc::disconnected ? 1 : 0;
    };
    f.kernel.say(channel::iopub, "\0\x04good\x08\x01x"s);
    REQUIRE(f.failed());
    CHECK(refused == 1);
    CHECK(f.kernel.heard(channel::shell).empty());
}

TEST_CASE("a handler may close the link while it hears", "[zmtp][link]") {
    fixture f;
    f.establish();
    f.hears.on_any = [&] {
        f.link->close();
    };
    f.kernel.say(channel::iopub, "\0\x03one\0\x03two"s);
    f.kernel.say(channel::shell, "\0\x05three"s);
    f.turn();
    CHECK(f.hears.heard.size() == 1);
    CHECK(f.hears.failures.empty());
    CHECK(f.say(channel::shell, "x").error() == link_errc::closed);
}

TEST_CASE("a frame above the limit is refused when it is announced", "[zmtp][link][limit]") {
    auto const on = GENERATE(channel::shell, channel::iopub, channel::heartbeat);
    fixture f{mib};
    f.establish();
    f.kernel.say(on, head(false, std::uint64_t{1} << 62U));
    REQUIRE(f.failed());
    CHECK(f.hears.failures[0] ==
          std::pair{link_failure::too_much, "a frame above 1048576 bytes came on "s + name_of(on)});
}

TEST_CASE("halves of messages on all channels count together, to the byte", "[zmtp][link][limit]") {
    fixture f{mib};
    f.establish();
    std::string const piece(64 * 1024, 'x');
    std::size_t said = 0;
    auto const on = [&](std::size_t i) {
        constexpr std::array order{channel::shell, channel::iopub, channel::control,
                                   channel::stdin_channel, channel::heartbeat};
        return order[i % order.size()];
    };
    for (std::size_t i = 0; i < 5; ++i) {
        f.kernel.say(on(i), head(false, mib - 192));
    }
    for (std::size_t i = 0; i < 20; ++i) {  // 1.25 MiB
        said += f.kernel.say(on(i), piece);
        f.turn();
    }
    CHECK(said == 20 * piece.size());
    CHECK(f.hears.failures.empty());
    f.kernel.say(on(0), "x");
    REQUIRE(f.failed());
    CHECK(f.hears.failures[0].first == link_failure::backlog);
    CHECK(f.hears.failures[0].second.find("unfinished messages, the last on shell") == 0);
}

TEST_CASE("halves of messages count together with those that wait", "[zmtp][link][limit]") {
    fixture f{128 * 1024};
    f.establish();
    std::string many;
    for (int i = 0; i < 130; ++i) {  // 155 KB with their cost, a half of which waits for a turn
        many += "\2\0\0\0\0\0\0\x03\xE8"s + std::string(1000, 'm');
    }
    CHECK(f.kernel.say(channel::control, many) == many.size());
    f.kernel.say(channel::shell, head(false, 128 * 1024 - 192) + std::string(125 * 1024, 'h'));
    f.turn();
    REQUIRE(f.hears.failures.size() == 1);
    CHECK(f.hears.failures[0].first == link_failure::backlog);
    CHECK(f.hears.failures[0].second.find("unfinished messages") == 0);
}

TEST_CASE("requests that a kernel does not read are bounded", "[zmtp][link][limit]") {
    fixture f{4 * mib};
    bool const greeted = GENERATE(true, false);
    if (greeted) {
        f.establish();
    }
    int taken = 0;
    while (f.say(channel::shell, std::string(mib, 'r')) && taken < 100) {
        ++taken;
    }
    CHECK(taken >= 3);
    CHECK(taken <= 5);
    REQUIRE(f.failed());
    CHECK(f.hears.failures[0] ==
          std::pair{link_failure::backlog, "unsent messages on shell passed 4194304 bytes"s});
}

TEST_CASE("a PING is answered, and one who does not read the answers gets no more of them",
          "[zmtp][link][limit]") {
    fixture f;
    f.establish();
    f.kernel.say(channel::iopub,
                 "\x04\x0A\x04PING\0\x05"
                 "abc"s);
    f.turn();
    CHECK(f.kernel.heard(channel::iopub) == zmtp::pong("abc"));

    std::string pings;
    for (int i = 0; i < 1000; ++i) {
        pings +=
            "\x04\x17\x04PING\0\x05"
            "0123456789abcdef"s;
    }
    for (int i = 0; i < 400; ++i) {  // 10 MB, and nearly as much in answers
        f.kernel.say(channel::iopub, pings);
        f.turn();
    }
    f.kernel.say(channel::iopub,
                 "\0\x04"
                 "well"s);
    f.turn();
    CHECK(f.hears.heard == std::vector<std::string>{"iopub well"});
    std::size_t answered = 0;
    for (std::size_t got = 1; got > 0;) {
        got = f.kernel.heard(channel::iopub).size();
        answered += got;
        f.turn();
    }
    CHECK(answered < mib);  // what the socket holds, and 64 KiB
}

TEST_CASE("what was said before one channel hangs up is told before its loss", "[zmtp][link]") {
    fixture f;
    f.establish();
    std::string many;
    for (int i = 0; i < 1000; ++i) {
        many += "\0\x01x"s;
    }
    f.kernel.say(channel::shell, many);
    f.kernel.say(channel::iopub, many);
    f.kernel.hang_up(channel::shell);
    REQUIRE(f.failed());
    CHECK(f.hears.heard.size() == 2000);
    CHECK(f.hears.failures[0] == std::pair{link_failure::lost, "connections ended: shell"s});
}

TEST_CASE("a message that is cut off by the end is not told", "[zmtp][link]") {
    fixture f;
    f.establish();
    f.kernel.say(channel::iopub,
                 "\0\x04"
                 "good\x01\x01"
                 "a\0\x05"
                 "brok"s);
    f.kernel.hang_up(channel::iopub);
    REQUIRE(f.failed());
    CHECK(f.hears.heard == std::vector<std::string>{"iopub good"});
}

TEST_CASE("the others have a moment to speak after a channel has hung up", "[zmtp][link]") {
    fixture f;
    f.establish();
    auto const before = std::chrono::steady_clock::now();
    f.kernel.hang_up(channel::shell);
    f.turn();
    f.turn();
    bool const early = !f.hears.failures.empty();
    if (std::chrono::steady_clock::now() < before + std::chrono::milliseconds{50}) {
        CHECK_FALSE(early);
    }
    CHECK(f.failed());
}

TEST_CASE("what still comes is waited for after another channel has hung up", "[zmtp][link]") {
    fixture f;
    f.establish();
    f.kernel.hang_up(channel::shell);
    std::size_t said = 0;
    auto const later = std::chrono::steady_clock::now() + std::chrono::milliseconds{200};
    REQUIRE(f.s.until([&] {
        f.kernel.say(channel::iopub, "\0\x01x"s);
        ++said;
        return std::chrono::steady_clock::now() > later;
    }));
    CHECK(f.hears.failures.empty());
    REQUIRE(f.failed());
    CHECK(f.hears.heard.size() == said);
}

TEST_CASE("a channel that is never silent does not hide for ever that another hung up",
          "[zmtp][link][hostile]") {
    fixture f;
    f.establish();
    std::string noise;
    for (int i = 0; i < 20000; ++i) {
        noise += "\x04\x01\0"s;  // the shortest command
    }
    std::atomic<bool> enough = false;
    std::thread speaks{[&] {
        std::size_t at = 0;
        while (!enough) {
            at = (at + f.kernel.say(channel::iopub, std::string_view{noise}.substr(at))) %
                 noise.size();
        }
    }};
    f.kernel.hang_up(channel::shell);
    bool const told = f.failed();
    enough = true;
    speaks.join();
    REQUIRE(told);
    CHECK(f.hears.failures[0] == std::pair{link_failure::lost, "connections ended: shell"s});
}

TEST_CASE("a kernel that takes nothing any more is lost, after what it said", "[zmtp][link]") {
    fixture f;
    f.establish();
    f.kernel.say(channel::shell,
                 "\0\x04"
                 "last"s);
    f.kernel.stop_reading(channel::shell);
    CHECK(f.say(channel::shell, "x"));
    REQUIRE(f.failed());
    CHECK(f.hears.heard == std::vector<std::string>{"shell last"});
    CHECK(f.hears.failures[0] == std::pair{link_failure::lost, "connections ended: shell"s});
}

TEST_CASE("no descriptors are taken from a kernel", "[zmtp][link][hostile]") {
    auto const on = GENERATE(channel::shell, channel::iopub);
    fixture f;
    f.establish();
    if (descriptors_can_be_refused()) {
        CHECK(f.kernel.pass_a_descriptor(on) == EPERM);
    }
}

TEST_CASE("a turn takes few commands, and few bytes of a long frame", "[zmtp][link][fair]") {
    fixture f;
    f.establish();
    SECTION("commands") {
        std::string many;
        for (int i = 0; i < 40000; ++i) {
            many += "\x04\x01\0"s;
        }
        CHECK(f.kernel.say(channel::iopub, many) == many.size());
        auto const before = f.link->load().turns;
        f.turn();
        CHECK(f.link->load().turns > before);
    }
    SECTION("bytes") {
        f.kernel.say(channel::shell, head(false, 200 * mib));
        f.turn();
        most_asked = 0;
        f.kernel.say(channel::shell, "x");
        f.turn();
        CHECK(most_asked >= 4 * mib);
        CHECK(most_asked <= 4 * mib + 64 * 1024);
    }
}

TEST_CASE("what was sent and what was heard leave nothing behind", "[zmtp][link][limit]") {
    fixture f;
    f.establish();
    auto const before = allocated_bytes();
    SECTION("many small messages") {
        for (int round = 0; round < 40; ++round) {
            std::string many;
            for (int i = 0; i < 1000; ++i) {
                many += "\0\0"s;
            }
            CHECK(f.kernel.say(channel::iopub, many) == many.size());
        }
        f.turn();
        CHECK(f.hears.heard.size() == 40000);
        f.hears.heard = std::vector<std::string>();
    }
    SECTION("one large request") {
        CHECK(f.say(channel::shell, std::string(3 * mib, 'L')));
        std::size_t got = 0;
        REQUIRE(f.s.until([&] {
            got += f.kernel.heard(channel::shell).size();
            return got == 9 + 3 * mib;
        }));
    }
    CHECK(allocated_bytes() < before + 100 * 1024);
}
