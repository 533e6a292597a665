// SPDX-License-Identifier: Apache-2.0
// One client after another at the same kernel: what the later one hears of what the earlier one
// asked for.
#include "tests/support/kernel_stage.hpp"

#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <utility>

using namespace kernelproto;
using namespace tests;

namespace {

kernel_script only(std::string const& code, script steps) {
    kernel_script what;
    what.on_code[code] = std::move(steps);
    return what;
}

/// Runs "a" up to its first output and lets go of it, as a process that ends does. The next one
/// bears the same identity, and nothing else.
void leave_running(kernel_stage& s) {
    s.identity = "the broker";
    s.renew();
    REQUIRE(s.ready());
    s.next_msg_id = "chosen";
    boost::asio::co_spawn(s.loop(), s.running("a"),
                          [](std::exception_ptr, execution_end const&) {});
    REQUIRE(s.until([&] { return !s.events.empty(); }));
    s.next_msg_id.clear();
    s.renew();
    s.events.clear();
}

/// What came of a wait, once it did.
template <class T>
std::shared_ptr<std::optional<T>> begin(kernel_stage& s, boost::asio::awaitable<T> what) {
    auto came = std::make_shared<std::optional<T>>();
    boost::asio::co_spawn(s.loop(), std::move(what),
                          [came](std::exception_ptr, T how) { came->emplace(std::move(how)); });
    return came;
}

auto begin_adopt(kernel_stage& s) {
    return begin(s, kernel_driver::become_usable(s.driver, readiness::mode::adopted,
                                                 in(std::chrono::seconds{20})));
}

/// Follows what was left running; returns when it would hear whatever the kernel says.
auto begin_follow(kernel_stage& s) {
    int const before = s.kernel->nudges();
    auto end = begin(s, s.following("chosen"));
    REQUIRE(s.until([&] {
        return s.kernel->nudges() > before && s.driver->counters().unasked > 0;  // the welcome
    }));
    CHECK_FALSE(end->has_value());
    return end;
}

/// Lets the kernel go on, and returns how what is followed ended.
execution_end go(kernel_stage& s, std::shared_ptr<std::optional<execution_end>> const& end) {
    s.kernel->go();
    REQUIRE(s.until([&] { return end->has_value(); }));
    return **end;
}

/// The connection serves on as any other does.
void check_usable(kernel_stage& s) {
    REQUIRE(s.adopt());
    s.events.clear();
    CHECK(s.execute("b").cause == end_cause::complete);
    CHECK(s.printed() == "b");
    CHECK(s.failures.empty());
    CHECK(s.driver->counters().foreign_parent == 0);
    CHECK(s.driver->counters().invalid == 0);
}

kernel_script left(script steps) {
    steps.insert(steps.begin(), {busy(), stream("early"), hold{}});
    auto what = only("a", std::move(steps));
    what.on_code["b"] = cell({stream("b")});
    return what;
}

}  // namespace

TEST_CASE("what a kernel answers goes to whoever bears the asker's identity", "[link][identity]") {
    auto const [later, heard] = GENERATE(table<std::string, std::uint64_t>(
        {{"the broker", 1}, {"another", 0}, {"", 0}, {std::string(255, 'x'), 0}}));
    kernel_stage s{only("a", {stream("x"), hold{}, reply_ok()})};
    leave_running(s);
    s.identity = later;
    s.renew();
    int const before = s.kernel->nudges();
    auto const adopted = begin_adopt(s);
    REQUIRE(s.until([&] { return s.kernel->nudges() > before; }));
    s.kernel->go();
    REQUIRE(s.until([&] { return adopted->has_value(); }));
    CHECK((*adopted)->has_value());
    CHECK(s.driver->counters().foreign_parent == heard);
}

TEST_CASE("an identity that ZMTP forbids is refused", "[link][identity]") {
    kernel_stage s;
    for (auto const& wrong : {std::string(256, 'x'), std::string(1, '\0'), std::string("\0x", 2)}) {
        auto options = s.options();
        options.identity = wrong;
        CHECK_THROWS_AS(create_kernel_connection(s.loop(), options, nullptr), std::logic_error);
    }
}

TEST_CASE("a cell that was left running is heard out by the next process", "[link][follow]") {
    kernel_stage s{left({stream("one "), stream("two"), reply_ok(), idle()})};
    leave_running(s);
    auto const end = go(s, begin_follow(s));
    CHECK(end.cause == end_cause::complete);
    REQUIRE(end.reply);
    CHECK(end.reply->what == execute_reply::status::ok);
    CHECK(s.printed() == "one two");
    CHECK(s.kernel->executes() == 1);
    check_usable(s);
}

TEST_CASE("a cell that was left running is followed by one process after another",
          "[link][follow]") {
    kernel_stage s{left({stream("one"), hold{}, stream("two"), reply_ok(), idle()})};
    leave_running(s);
    begin_follow(s);
    s.kernel->go();
    REQUIRE(s.until([&] { return s.printed() == "one"; }));
    s.renew();
    auto const end = go(s, begin_follow(s));
    CHECK(end.cause == end_cause::complete);
    CHECK(s.printed() == "onetwo");
}

TEST_CASE("a cell that ended before anybody came is known to have ended", "[link][follow]") {
    kernel_stage s{left({reply_ok(), idle()})};
    s.identity = "the broker";
    s.next_msg_id = "chosen";
    s.renew();
    REQUIRE(s.ready());
    s.kernel->go();
    REQUIRE(s.execute("a").cause == end_cause::complete);
    s.next_msg_id.clear();
    s.renew();
    s.events.clear();
    auto const end = s.await(s.following("chosen"));
    CHECK(end.cause == end_cause::ended_unheard);
    CHECK_FALSE(end.reply);
    CHECK(s.events.empty());
    check_usable(s);
}

TEST_CASE("a followed cell one of whose halves is lost still ends", "[link][follow]") {
    SECTION("its idle") {
        kernel_stage s{left({stream("x"), reply_ok()})};
        leave_running(s);
        auto const end = go(s, begin_follow(s));
        CHECK(end.cause == end_cause::reply_without_idle);
        CHECK(end.reply.has_value());
        CHECK(s.printed() == "x");
        check_usable(s);
    }
    SECTION("its reply") {
        kernel_stage s{left({stream("x"), idle()})};
        leave_running(s);
        CHECK(go(s, begin_follow(s)).cause == end_cause::ended_unheard);
        check_usable(s);
    }
}

TEST_CASE("a reply under another identity is not heard", "[link][follow]") {
    kernel_stage s{left({stream("x"), reply_ok(), idle()})};
    leave_running(s);
    s.identity = "somebody else";
    s.renew();
    CHECK(go(s, begin_follow(s)).cause == end_cause::ended_unheard);
    check_usable(s);
}

TEST_CASE("a kernel that dies while its cell is followed is heard to its end", "[link][follow]") {
    kernel_stage s{left({flood{2000}, die{}})};
    leave_running(s);
    auto const end = begin_follow(s);
    s.kernel->go();
    s.driver->kernel_died();
    REQUIRE(s.until([&] { return end->has_value(); }));
    CHECK((*end)->cause == end_cause::kernel_died);
    CHECK(s.printed_flood(2000));
    CHECK(s.failures.empty());
    CHECK(s.await(s.following("chosen")).cause == end_cause::kernel_died);
}

TEST_CASE("another kernel on the sockets ends what is followed", "[link][follow]") {
    say other = std::get<say>(idle());
    other.session = "a-second-process";
    kernel_stage s{left({stream("x"), other})};
    leave_running(s);
    CHECK(go(s, begin_follow(s)).cause == end_cause::kernel_replaced);
    CHECK(s.printed() == "x");
    CHECK(s.failures.size() == 1);
    CHECK(s.await(s.following("chosen")).cause == end_cause::unreachable);
}

TEST_CASE("what is followed can be interrupted, abandoned and closed", "[link][follow]") {
    kernel_stage s{left({stream("x"), hold_until_interrupt{}, stream("y"), reply_ok(), idle()})};
    leave_running(s);
    auto const end = begin_follow(s);
    s.kernel->go();
    REQUIRE(s.until([&] { return s.printed() == "x"; }));
    SECTION("interrupted") {
        s.driver->interrupt();
        REQUIRE(s.until([&] { return end->has_value(); }));
        CHECK((*end)->cause == end_cause::complete);
        CHECK(s.printed() == "xy");
        CHECK(s.kernel->interrupts() == 1);
        check_usable(s);
    }
    SECTION("abandoned") {
        s.driver->abandon();
        REQUIRE(s.until([&] { return end->has_value(); }));
        CHECK((*end)->cause == end_cause::abandoned);
        CHECK(s.failures.empty());
    }
    SECTION("closed") {
        s.driver->close();
        REQUIRE(s.until([&] { return end->has_value(); }));
        CHECK((*end)->cause == end_cause::abandoned);
        CHECK(s.await(s.following("chosen")).cause == end_cause::abandoned);
    }
}

TEST_CASE("what is too long to be looked at is told to who follows", "[link][follow]") {
    kernel_stage s{left({flood{1, max_content_bytes}, reply_ok(), idle()})};
    leave_running(s);
    CHECK(go(s, begin_follow(s)).cause == end_cause::complete);
    REQUIRE(s.events.size() == 2);
    CHECK(std::get<output_discarded>(s.events[1]).bytes > 0);
}

TEST_CASE("a followed cell asks, and is answered, through the connection", "[link][follow]") {
    kernel_stage s{left({ask_until_answered{}, print_input{}, reply_ok(), idle()})};
    leave_running(s);
    s.on_event = [&] {
        if (std::holds_alternative<input_wanted>(s.events.back())) {
            s.driver->answer_input("an answer");
        }
    };
    auto const end = begin_follow(s);
    REQUIRE(s.until([&] {
        s.kernel->go();
        return end->has_value();
    }));
    CHECK((*end)->cause == end_cause::complete);
    CHECK(s.printed() == "an answer");
}

TEST_CASE("a cell is followed through the connection as its owner holds it", "[link][follow]") {
    kernel_stage s{left({reply_ok(), idle()})};
    leave_running(s);
    s.kernel->go();
    auto const connection = create_kernel_connection(s.loop(), s.options(), nullptr);
    auto const end = s.await(
        connection->follow("never sent", false, in(std::chrono::seconds{20}), [](event const&) {}));
    CHECK(end.cause == end_cause::ended_unheard);
    CHECK(s.await(connection->adopt(in(std::chrono::seconds{20}))).has_value());
}

TEST_CASE("sockets that cannot be had are an end of what is to be followed", "[link][follow]") {
    kernel_stage s;
    std::filesystem::remove(s.path(3));
    SECTION("at the deadline") {
        CHECK(s.await(s.following("chosen", std::chrono::milliseconds{30})).cause ==
              end_cause::unreachable);
        CHECK(s.failures.empty());
    }
    SECTION("at once when one is refused") {
        std::filesystem::create_symlink(s.path(1), s.path(3));
        CHECK(s.await(s.following("chosen")).cause == end_cause::unreachable);
        CHECK(s.failures.size() == 1);
    }
    SECTION("and it may end from outside before they are found") {
        auto const end = begin(s, s.following("chosen"));
        s.loop().restart();
        s.loop().poll();
        CHECK_FALSE(end->has_value());
        auto expected = end_cause::abandoned;
        SECTION("by death") {
            s.driver->kernel_died();
            expected = end_cause::kernel_died;
        }
        SECTION("by its owner") { s.driver->abandon(); }
        SECTION("by a close") { s.driver->close(); }
        REQUIRE(s.until([&] { return end->has_value(); }));
        CHECK((*end)->cause == expected);
    }
}

TEST_CASE("an interrupt that comes before the kernel is found reaches it", "[link][follow]") {
    kernel_stage s{left({hold_until_interrupt{}, stream("y"), reply_ok(), idle()})};
    leave_running(s);
    std::filesystem::rename(s.path(3), s.path(3) + ".later");
    auto const end = begin(s, s.following("chosen"));
    s.loop().restart();
    s.loop().poll();
    s.driver->interrupt();
    std::filesystem::rename(s.path(3) + ".later", s.path(3));
    REQUIRE(
        s.until([&] { return s.kernel->interrupts() > 0 && s.driver->counters().unasked > 0; }));
    s.kernel->go();
    REQUIRE(s.until([&] { return end->has_value(); }));
    CHECK((*end)->cause == end_cause::complete);
    CHECK(s.printed() == "y");
    check_usable(s);
}

TEST_CASE("a search that was given up can be begun again", "[link][follow]") {
    kernel_stage s{left({reply_ok(), idle()})};
    std::filesystem::rename(s.path(3), s.path(3) + ".later");
    auto const end = begin(s, s.following("chosen"));
    s.loop().restart();
    s.loop().poll();
    s.driver->abandon();
    REQUIRE(s.until([&] { return end->has_value(); }));
    CHECK((*end)->cause == end_cause::abandoned);
    auto const again = begin(s, s.following("chosen"));
    s.loop().restart();
    for (int i = 0; i < 4; ++i) {
        s.loop().run_one();  // it looks more than once
    }
    CHECK_FALSE(again->has_value());
    std::filesystem::rename(s.path(3) + ".later", s.path(3));
    REQUIRE(s.until([&] { return again->has_value(); }));
    CHECK((*again)->cause == end_cause::ended_unheard);
    check_usable(s);
}

TEST_CASE("whether a kernel is back is asked on the connection that is there", "[link][adopt]") {
    kernel_stage s{left({stream("old"), reply_ok(), idle()})};
    REQUIRE(s.ready());
    for (int i = 0; i < 3; ++i) {
        CHECK(s.adopt().has_value());
    }
    auto const end = begin(s, s.running("a"));
    REQUIRE(s.until([&] { return s.printed() == "early"; }));
    s.driver->abandon();
    REQUIRE(s.until([&] { return end->has_value(); }));
    for (int i = 0; i < 3; ++i) {
        auto const back = s.adopt(std::chrono::milliseconds{20});
        REQUIRE_FALSE(back);
        CHECK(back.error() == client_errc::timed_out);
    }
    s.events.clear();
    auto const surplus = s.driver->counters().surplus;
    auto const next = begin(s, s.running("b"));
    REQUIRE(s.until([&] { return s.kernel->executes() == 2; }));
    CHECK(go(s, next).cause == end_cause::complete);
    CHECK(s.printed() == "b");
    CHECK(s.driver->counters().late == 1);
    CHECK(s.driver->counters().surplus >= surplus + 9);  // three nudges, answered at last
    check_usable(s);
}
