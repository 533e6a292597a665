// SPDX-License-Identifier: Apache-2.0
// What every transport does with the messages that it took in, without a socket.
#include "kernelproto/link/queued_link.hpp"

#include "tests/support/catch.hpp"

#include <boost/asio/io_context.hpp>

#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

using namespace kernelproto;

namespace {

constexpr std::size_t kib = 1024;
constexpr std::size_t most = 400 * kib;

struct recorder final : link_handler {
    void on_message(channel from, frame_list frames) override {
        heard.push_back(std::string{name_of(from)} + ":" + std::string{frames.at(0).bytes()});
        if (on_any) {
            on_any();
        }
    }
    void on_discarded(std::uint64_t messages, std::uint64_t bytes) override {
        heard.push_back("missing " + std::to_string(messages) + ", " + std::to_string(bytes));
    }
    void on_failure(link_failure why, std::string const& detail) override {
        failures.emplace_back(why, detail);
    }

    std::vector<std::string> heard;
    std::vector<std::pair<link_failure, std::string>> failures;
    std::function<void()> on_any;
};

/// A transport whose messages come from the test.
class source final : public queued_link {
public:
    source(boost::asio::io_context& loop, link_handler& to) : queued_link(loop, to, most) {}

    result<void> send(channel, frame_list) override { return {}; }
    void disconnect() override { ++disconnects; }

    bool take(channel from, std::string text, std::size_t bytes = 1) {
        return keep(from, frame_list{frame{std::move(text)}}, bytes);
    }
    using queued_link::decide;
    using queued_link::deliver;
    using queued_link::ending;

    int disconnects = 0;
};

struct fixture {
    boost::asio::io_context loop;
    recorder hears;
    std::shared_ptr<source> link = std::make_shared<source>(loop, hears);
};

}  // namespace

TEST_CASE("messages are handed on in order, some in each turn", "[link][queue]") {
    fixture f;
    for (int i = 0; i < 150; ++i) {
        REQUIRE(f.link->take(channel::iopub, std::to_string(i)));
    }
    f.link->deliver();
    CHECK(f.hears.heard.size() == 64);
    CHECK(f.loop.run_one() == 1);
    CHECK(f.hears.heard.size() == 128);
    f.loop.run();
    REQUIRE(f.hears.heard.size() == 150);
    for (int i = 0; i < 150; ++i) {
        CHECK(f.hears.heard[static_cast<std::size_t>(i)] == "iopub:" + std::to_string(i));
    }
    CHECK(f.link->load().turns == 2);
    CHECK(f.link->load().unread_bytes == 0);
}

TEST_CASE("a turn ends after a mebibyte as well", "[link][queue]") {
    boost::asio::io_context loop;
    recorder hears;
    auto const link = std::make_shared<source>(loop, hears);
    for (int i = 0; i < 4; ++i) {
        REQUIRE(link->take(channel::shell, "x", 100 * kib));
    }
    link->deliver();
    CHECK(hears.heard.size() == 4);  // 400 KiB
    loop.poll();
    hears.on_any = [&] {
        if (hears.heard.size() < 20) {
            (void)link->take(channel::shell, "more", 300 * kib);
        }
    };
    REQUIRE(link->take(channel::shell, "x", 300 * kib));
    link->deliver();
    CHECK(hears.heard.size() == 8);  // 1200 KiB, and one waits
    loop.restart();
    loop.run_one();
    CHECK(hears.heard.size() == 12);
}

TEST_CASE("output past the limit is let go, and told where it is missing", "[link][queue]") {
    fixture f;
    REQUIRE(f.link->take(channel::iopub, "first", 390 * kib));
    REQUIRE(f.link->take(channel::iopub, "too much", 17 * kib));
    REQUIRE(f.link->take(channel::iopub, "too much", 20 * kib));
    REQUIRE(f.link->take(channel::iopub, "idle", 16 * kib));
    REQUIRE(f.link->take(channel::iopub, "too much", 17 * kib));
    REQUIRE(f.link->take(channel::shell, "reply", 17 * kib));
    f.link->deliver();
    CHECK(f.hears.heard ==
          std::vector<std::string>{"iopub:first", "missing 2, " + std::to_string(37 * kib),
                                   "iopub:idle", "missing 1, " + std::to_string(17 * kib),
                                   "shell:reply"});
    CHECK(f.link->load().discarded == 3);
    CHECK(f.link->load().delivered == 3);
    CHECK(f.hears.failures.empty());
    // There is room again.
    f.hears.heard.clear();
    REQUIRE(f.link->take(channel::iopub, "next", 400 * kib));
    f.link->deliver();
    CHECK(f.hears.heard == std::vector<std::string>{"iopub:next"});
}

TEST_CASE("what is no output may pass the limit by a quarter, and then ends the link",
          "[link][queue]") {
    fixture f;
    auto const [from, each] = GENERATE(table<channel, std::size_t>(
        {{channel::iopub, 10 * kib}, {channel::shell, 100 * kib}, {channel::control, 50 * kib}}));
    auto const fits = 500 * kib / each;
    for (std::size_t i = 0; i < fits; ++i) {
        REQUIRE(f.link->take(from, "x", each));
    }
    CHECK_FALSE(f.link->take(from, "x", each));
    CHECK(f.link->ending());
    CHECK(f.link->load().unread_bytes == 0);
    f.link->deliver();
    CHECK(f.hears.heard.empty());
    REQUIRE(f.hears.failures.size() == 1);
    CHECK(f.hears.failures[0].first == link_failure::backlog);
    CHECK(f.hears.failures[0].second.find(std::string{"the last on "} + name_of(from)) !=
          std::string::npos);
    CHECK(f.link->disconnects == 1);
}

TEST_CASE("a loss is told after what came before it, and only the first reason is",
          "[link][queue]") {
    fixture f;
    for (int i = 0; i < 65; ++i) {
        REQUIRE(f.link->take(channel::iopub, "x"));
    }
    f.link->decide(link_failure::lost, "first");
    f.link->decide(link_failure::too_much, "second");
    f.link->deliver();
    CHECK(f.hears.failures.empty());
    f.loop.run();
    CHECK(f.hears.heard.size() == 65);
    REQUIRE(f.hears.failures.size() == 1);
    CHECK(f.hears.failures[0] == std::pair{link_failure::lost, std::string{"first"}});
    CHECK(f.link->disconnects == 1);
}

TEST_CASE("a pause holds everything back but the taking in", "[link][queue]") {
    fixture f;
    f.hears.on_any = [&] {
        if (f.hears.heard.back() == "iopub:long") {
            f.link->pause();
        }
    };
    REQUIRE(f.link->take(channel::iopub, "before"));
    REQUIRE(f.link->take(channel::iopub, "long", 300 * kib));
    REQUIRE(f.link->take(channel::iopub, "after"));
    f.link->deliver();
    f.link->decide(link_failure::lost, "gone");
    f.link->deliver();
    f.loop.run();
    CHECK(f.hears.heard == std::vector<std::string>{"iopub:before", "iopub:long"});
    CHECK(f.hears.failures.empty());
    SECTION("until it is over") {
        CHECK(f.link->load().unread_bytes == 300 * kib + 1);  // what is looked at is not read yet
        f.link->resume();
        CHECK(f.hears.heard.back() == "iopub:after");
        CHECK(f.hears.failures.size() == 1);
        CHECK(f.link->load().unread_bytes == 0);
    }
    SECTION("or the link is closed") {
        f.link->close();
        f.link->resume();
        CHECK(f.hears.heard.size() == 2);
        CHECK(f.hears.failures.empty());
        CHECK(f.link->load().unread_bytes == 0);
    }
}

TEST_CASE("what is looked at elsewhere counts against the limit", "[link][queue]") {
    fixture f;
    f.hears.on_any = [&] {
        f.link->pause();
    };
    REQUIRE(f.link->take(channel::shell, "long", 300 * kib));
    f.link->deliver();
    REQUIRE(f.link->take(channel::shell, "x", 200 * kib));
    CHECK_FALSE(f.link->take(channel::shell, "x", 1));
    CHECK(f.link->load().unread_bytes == 300 * kib);
    f.link->resume();
    CHECK(f.hears.failures.size() == 1);
    CHECK(f.link->load().unread_bytes == 0);
}

TEST_CASE("nothing is handed on after close, whoever closes", "[link][queue]") {
    fixture f;
    for (int i = 0; i < 65; ++i) {
        REQUIRE(f.link->take(channel::iopub, "x"));
    }
    f.link->decide(link_failure::lost, "first");
    SECTION("the handler") {
        f.hears.on_any = [&] {
            if (f.hears.heard.size() == 3) {
                f.link->close();
            }
        };
        f.link->deliver();
        CHECK(f.hears.heard.size() == 3);
    }
    SECTION("the owner, between two turns") {
        f.link->deliver();
        f.link->close();
        f.link->close();
        CHECK(f.hears.heard.size() == 64);
    }
    auto const heard = f.hears.heard.size();
    f.loop.run();
    CHECK(f.hears.heard.size() == heard);
    CHECK(f.hears.failures.empty());
    CHECK(f.link->disconnects == 1);
}
