// SPDX-License-Identifier: Apache-2.0
#include "tests/support/kernel_stage.hpp"

#include <algorithm>
#include <optional>

using namespace kernelproto;
using namespace tests;

namespace {

step idle_from(std::string session) {
    say what = std::get<say>(idle());
    what.session = std::move(session);
    return what;
}

kernel_script only(std::string const& code, script steps) {
    kernel_script what;
    what.on_code[code] = std::move(steps);
    return what;
}

say forged(say::signature how, say::parent whose) {
    say what = std::get<say>(stream("FORGED"));
    what.sign = how;
    what.about = whose;
    return what;
}

std::vector<std::string> const no_delimiter{"topic", "sig", "{}", "{}", "{}", "{}"};

}  // namespace

TEST_CASE("a kernel that answers and publishes is ready", "[link][ready]") {
    kernel_stage s;
    auto const info = s.ready();
    REQUIRE(info);
    CHECK(info->implementation == "scripted");
    CHECK(s.failures.empty());
}

TEST_CASE("a cell is heard whole and in order until reply and idle", "[link][execute]") {
    kernel_stage s{
        only("a", cell({stream("one "), stream("two "), stream("three "), stream("four")}))};
    REQUIRE(s.ready());
    auto const end = s.execute("a");
    CHECK(end.cause == end_cause::complete);
    REQUIRE(end.reply);
    CHECK(end.reply->what == execute_reply::status::ok);
    CHECK(s.printed() == "one two three four");
    CHECK(s.driver->counters().invalid == 0);
}

TEST_CASE("cells follow one another on one connection", "[link][execute]") {
    kernel_stage s{only("a", cell({stream("x")}))};
    REQUIRE(s.ready());
    for (int i = 0; i < 200; ++i) {
        REQUIRE(s.execute("a").cause == end_cause::complete);
    }
    CHECK(s.printed() == std::string(200, 'x'));
    CHECK(s.kernel->executes() == 200);
}

TEST_CASE("a reply without idle ends when a probe proves iopub", "[link][execute]") {
    kernel_stage s{only("a", {busy(), stream("x"), reply_ok()})};
    REQUIRE(s.ready());
    CHECK(s.execute("a").cause == end_cause::reply_without_idle);
    CHECK(s.printed() == "x");
    CHECK(s.failures.empty());
}

TEST_CASE("an idle without reply ends when shell answers something later", "[link][execute]") {
    kernel_stage s{only("a", {busy(), stream("x"), idle()})};
    REQUIRE(s.ready());
    auto const end = s.execute("a");
    CHECK(end.cause == end_cause::idle_without_reply);
    CHECK_FALSE(end.reply);
    CHECK(s.printed() == "x");
}

TEST_CASE("a message with a forged or missing signature is counted and not told",
          "[link][execute][hostile]") {
    auto const how = GENERATE(say::signature::forged, say::signature::missing);
    kernel_stage s{only("a", cell({forged(how, say::parent::request), stream("true")}))};
    REQUIRE(s.ready());
    CHECK(s.execute("a").cause == end_cause::complete);
    CHECK(s.printed() == "true");
    CHECK(s.driver->counters().invalid == 1);
}

TEST_CASE("output of a foreign parent is counted and not told", "[link][execute][hostile]") {
    kernel_stage s{
        only("a", cell({forged(say::signature::right, say::parent::foreign), stream("own")}))};
    REQUIRE(s.ready());
    CHECK(s.execute("a").cause == end_cause::complete);
    CHECK(s.printed() == "own");
    CHECK(s.driver->counters().foreign_parent == 1);
}

TEST_CASE("messages of the wrong shape are counted and the cell goes on",
          "[link][execute][hostile]") {
    auto const on = GENERATE(channel::iopub, channel::shell, channel::control);
    std::vector<std::string> const too_many(100, "x");
    kernel_stage s{
        only("a", cell({say_raw{on, {"<IDS|MSG>"}}, say_raw{on, {""}}, say_raw{on, no_delimiter},
                        say_raw{on, too_many},
                        say_raw{on, {"<IDS|MSG>", "", "{", "}", "[]", "\xff"}}, stream("fine")}))};
    REQUIRE(s.ready());
    // What is said on control has an asker only once control was used.
    CHECK(s.execute("a").cause == end_cause::complete);
    CHECK(s.printed() == "fine");
    if (on == channel::iopub || on == channel::shell) {
        CHECK(s.driver->counters().invalid == 5);
    }
}

TEST_CASE("output that comes after the end is counted as late", "[link][execute]") {
    script steps = cell({});
    steps.push_back(hold{});
    steps.push_back(stream("late"));
    steps.push_back(stream("later"));
    kernel_stage s{only("a", steps)};
    REQUIRE(s.ready());
    CHECK(s.execute("a").cause == end_cause::complete);
    s.kernel->go();
    REQUIRE(s.until([&] { return s.driver->counters().late == 2; }));
    CHECK(s.printed().empty());
}

TEST_CASE("another kernel on the same sockets ends the cell and the connection",
          "[link][execute]") {
    kernel_stage s{only("a", {busy(), stream("x"), idle_from("a-second-process")})};
    REQUIRE(s.ready());
    CHECK(s.execute("a").cause == end_cause::kernel_replaced);
    CHECK(s.printed() == "x");
    REQUIRE(s.failures.size() == 1);
    CHECK(s.failures[0].first == link_failure::lost);
    CHECK(s.execute("a").cause == end_cause::unreachable);
}

TEST_CASE("a cell that never answers runs until its owner gives it up", "[link][execute]") {
    kernel_stage s{only("a", {busy(), stream("x")})};
    REQUIRE(s.ready());
    s.on_event = [&] {
        s.driver->abandon();
    };
    CHECK(s.execute("a").cause == end_cause::abandoned);
    CHECK(s.failures.empty());
}

TEST_CASE("an interrupt reaches the kernel and the cell ends by its own word", "[link][execute]") {
    kernel_stage s{only("a", cell({stream("x"), hold_until_interrupt{}, stream("y")}))};
    REQUIRE(s.ready());
    s.on_event = [&] {
        s.driver->interrupt();
    };
    CHECK(s.execute("a").cause == end_cause::complete);
    CHECK(s.printed() == "xy");
    CHECK(s.kernel->interrupts() == 1);
}

TEST_CASE("an interrupt while nothing runs says nothing to the kernel", "[link][execute]") {
    kernel_stage s{only("a", cell({}))};
    REQUIRE(s.ready());
    s.driver->interrupt();
    CHECK(s.execute("a").cause == end_cause::complete);
    CHECK(s.kernel->interrupts() == 0);
}

namespace {

/// Runs "a", which ends by itself after it was interrupted in vain.
void interrupt_in_vain(kernel_stage& s) {
    s.on_event = [&] {
        s.driver->interrupt();
    };
    bool done = false;
    boost::asio::co_spawn(s.loop(), s.running("a"),
                          [&](std::exception_ptr, execution_end const&) { done = true; });
    REQUIRE(s.until([&] { return s.kernel->interrupts() == 4; }));
    s.on_event = nullptr;
    s.kernel->go();
    REQUIRE(s.until([&] { return done; }));
}

kernel_script deaf_script() {
    kernel_script what = only("a", cell({go_deaf{}, stream("x"), hold{}}));
    what.on_code["b"] = cell({stream("y")});
    return what;
}

}  // namespace

TEST_CASE("a cell is sent once the interrupts of the one before were answered", "[link][execute]") {
    kernel_stage s{deaf_script()};
    REQUIRE(s.ready());
    interrupt_in_vain(s);
    std::optional<end_cause> how;
    boost::asio::co_spawn(s.loop(), s.running("b"),
                          [&](std::exception_ptr, execution_end const& end) { how = end.cause; });
    s.loop().restart();
    s.loop().poll();
    CHECK(s.kernel->executes() == 1);
    s.kernel->answer_interrupts();
    REQUIRE(s.until([&] { return how.has_value(); }));
    CHECK(how == end_cause::complete);
    CHECK(s.printed() == "xy");
}

TEST_CASE("a kernel that answers no interrupt is given no further cell", "[link][execute]") {
    kernel_stage s{deaf_script()};
    s.settle_within = std::chrono::milliseconds{50};
    s.renew();
    REQUIRE(s.ready());
    interrupt_in_vain(s);
    CHECK(s.execute("b").cause == end_cause::unreachable);
    CHECK(s.kernel->executes() == 1);
    REQUIRE(s.failures.size() == 1);
    CHECK_THAT(s.failures[0].second, Catch::Matchers::ContainsSubstring("interrupt"));
}

TEST_CASE("a heart that beats keeps a silent cell alive", "[link][execute]") {
    kernel_stage s{only("a", cell({hold{}}))};
    s.liveness = {std::chrono::milliseconds{10}, 1000};
    s.renew();
    REQUIRE(s.ready());
    std::optional<end_cause> how;
    boost::asio::co_spawn(s.loop(), s.running("a"),
                          [&](std::exception_ptr, execution_end const& end) { how = end.cause; });
    REQUIRE(s.until([&] { return s.kernel->heartbeats() >= 20; }));
    CHECK_FALSE(how);
    s.kernel->go();
    REQUIRE(s.until([&] { return how.has_value(); }));
    CHECK(how == end_cause::complete);
}

TEST_CASE("a heart that never beats ends a silent cell", "[link][execute]") {
    kernel_script what = only("a", cell({hold{}}));
    what.echoes_heartbeat = false;
    kernel_stage s{what};
    s.liveness = {std::chrono::milliseconds{5}, 4};
    s.renew();
    REQUIRE(s.ready());
    CHECK(s.execute("a").cause == end_cause::unreachable);
    CHECK(s.until([&] { return s.kernel->heartbeats() >= 4; }));
}

TEST_CASE("input is asked for on the stdin channel of the one who executes", "[link][execute]") {
    kernel_script what = only(
        "a",
        {busy(), say{channel::stdin_channel, "input_request", R"({"prompt":"?","password":false})"},
         hold{}, reply_ok(), idle()});
    kernel_stage s{what};
    REQUIRE(s.ready());
    s.on_event = [&] {
        if (std::holds_alternative<input_wanted>(s.events.back())) {
            s.kernel->go();
        }
    };
    CHECK(s.await(s.running("a", true)).cause == end_cause::complete);
    CHECK(std::any_of(s.events.begin(), s.events.end(), [](event const& each) {
        return std::holds_alternative<input_wanted>(each);
    }));
}

TEST_CASE("every input that a cell asks for is told and answered, one after another",
          "[link][execute]") {
    kernel_stage s{only("a", cell({ask("name? "), hold_until_input{}, print_input{}, ask("age? "),
                                   hold_until_input{}, print_input{}}))};
    REQUIRE(s.ready());
    std::vector<std::string> prompts;
    s.on_event = [&] {
        if (auto const* asked = std::get_if<input_wanted>(&s.events.back())) {
            prompts.push_back(asked->prompt);
            s.driver->answer_input(prompts.size() == 1 ? "\"A\"\n" : "7");
            s.driver->answer_input("nobody asks");
        }
    };
    s.driver->answer_input("nothing runs");
    CHECK(s.await(s.running("a", true)).cause == end_cause::complete);
    CHECK(prompts == std::vector<std::string>{"name? ", "age? "});
    CHECK(s.printed() == "\"A\"\n7");
}

TEST_CASE("an input is answered through the connection as its owner holds it", "[link][execute]") {
    kernel_stage s{only("a", cell({ask("?"), hold_until_input{}, print_input{}}))};
    auto const connection = create_kernel_connection(s.loop(), s.options(), nullptr);
    REQUIRE(s.await(connection->ready(in(std::chrono::seconds{20}))));
    execute_request request;
    request.code = "a";
    request.allow_stdin = true;
    auto const end = s.await(connection->execute(std::move(request), [&](event each) {
        s.events.push_back(std::move(each));
        if (std::holds_alternative<input_wanted>(s.events.back())) {
            connection->answer_input("x");
        }
    }));
    CHECK(end.cause == end_cause::complete);
    CHECK(s.printed() == "x");
}

TEST_CASE("a kernel that runs a cell is adopted when the nudge behind it was answered",
          "[link][adopt]") {
    kernel_stage s{only("a", cell({stream("x"), hold{}, stream("old")}))};
    REQUIRE(s.ready());
    bool begun = false;
    s.on_event = [&] {
        begun = true;
    };
    boost::asio::co_spawn(s.loop(), s.running("a"), [](std::exception_ptr, execution_end) {});
    REQUIRE(s.until([&] { return begun; }));

    s.renew();
    bool adopted = false;
    boost::asio::co_spawn(
        s.loop(),
        kernel_driver::become_usable(s.driver, readiness::mode::adopted,
                                     in(std::chrono::seconds{20})),
        [&](std::exception_ptr, result<kernel_info> how) { adopted = how.has_value(); });
    int const before = s.kernel->nudges();
    REQUIRE(s.until([&] { return s.kernel->nudges() > before; }));
    CHECK_FALSE(adopted);
    s.kernel->go();
    CHECK(s.until([&] { return adopted; }));
}

TEST_CASE("one connection after another to the same kernel is made", "[link][adopt]") {
    kernel_stage s{only("a", cell({}))};
    for (int i = 0; i < 50; ++i) {
        REQUIRE((i % 2 == 0 ? s.ready() : s.adopt()).has_value());
        REQUIRE(s.execute("a").cause == end_cause::complete);
        s.renew();
    }
}
