// SPDX-License-Identifier: Apache-2.0
#include "tests/support/canary.hpp"
#include "tests/support/kernel_stage.hpp"

#include <boost/asio/post.hpp>

#include <algorithm>
#include <fstream>

using namespace kernelproto;
using namespace tests;

namespace {

#if defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
constexpr bool sanitized = true;  // memory is kept for later reports
#else
constexpr bool sanitized = false;
#endif
#else
constexpr bool sanitized = false;
#endif

constexpr std::size_t mib = std::size_t{1024} * 1024;

kernel_script only(std::string const& code, script steps) {
    kernel_script what;
    what.on_code[code] = std::move(steps);
    return what;
}

std::size_t resident_bytes() {
    std::ifstream statm{"/proc/self/statm"};
    std::size_t all = 0;
    std::size_t resident = 0;
    statm >> all >> resident;
    return resident * static_cast<std::size_t>(::sysconf(_SC_PAGESIZE));
}

void check_too_much(kernel_stage& s, std::string const& word) {
    CHECK(s.execute("a").cause == end_cause::unreachable);
    REQUIRE(s.failures.size() == 1);
    CHECK(s.failures[0].first == link_failure::too_much);
    CHECK_THAT(s.failures[0].second, Catch::Matchers::ContainsSubstring(word));
}

}  // namespace

TEST_CASE("a message within the limit is heard, whatever its frames", "[link][limit]") {
    kernel_stage s{only("a", cell({heavy{3 * mib, 2}, stream("after")}))};
    s.max_message_bytes = 8 * mib;
    s.renew();
    REQUIRE(s.ready());
    CHECK(s.execute("a").cause == end_cause::complete);
    CHECK(s.printed() == "after");
}

TEST_CASE("one very long print is shortened, and the cell ends as ever", "[link][limit]") {
    kernel_stage s{only("a", cell({flood{1, 40 * mib}, stream("after")}))};
    REQUIRE(s.ready());
    CHECK(s.execute("a").cause == end_cause::complete);
    REQUIRE(s.events.size() == 3);
    auto const& text = std::get<stream_text>(s.events[0]).text;
    CHECK(text.size() + std::get<output_discarded>(s.events[1]).bytes == 40 * mib + 2);
    CHECK(std::get<stream_text>(s.events[2]).text == "after");
    CHECK(s.failures.empty());
}

TEST_CASE("a message whose frames pass the limit together ends the connection", "[link][limit]") {
    kernel_stage s{only("a", cell({heavy{3 * mib, 4}}))};
    s.max_message_bytes = 8 * mib;
    s.renew();
    REQUIRE(s.ready());
    check_too_much(s, "a message on iopub passed 8388608 bytes");
}

TEST_CASE("a frame above the limit ends the connection with the limit as its reason",
          "[link][limit]") {
    kernel_stage s{only("a", cell({heavy{9 * mib, 1}}))};
    s.max_message_bytes = 8 * mib;
    s.renew();
    REQUIRE(s.ready());
    check_too_much(s, "a frame above 8388608 bytes");
}

TEST_CASE("a message of many small frames counts with what a frame costs", "[link][limit]") {
    kernel_stage s{only("a", cell({heavy{1, 4000}}))};
    s.max_message_bytes = mib / 2;
    s.renew();
    REQUIRE(s.ready());
    check_too_much(s, "a message on iopub passed 524288 bytes");
}

TEST_CASE("a message of more frames than anybody sends ends the connection", "[link][limit]") {
    auto const on = GENERATE(channel::iopub, channel::shell);
    std::vector<std::string> const many(5000);
    kernel_stage s{only("a", cell({say_raw{on, many}}))};
    REQUIRE(s.ready());
    check_too_much(s, "passed 4096 frames");
}

TEST_CASE("output that comes faster than it is read is discarded, and the cell ends as ever",
          "[link][limit]") {
    kernel_stage s{
        only("a", {busy(), hold{}, flood{400, mib / 16}, reply_ok(), idle(), die{}, hold{}})};
    s.carrier = transport::libzmq;  // which alone reads while the loop does not turn
    s.max_message_bytes = 2 * mib;
    s.renew();
    REQUIRE(s.ready());
    bool done = false;
    execution_end end;
    boost::asio::co_spawn(s.loop(), s.running("a"), [&](std::exception_ptr, execution_end how) {
        end = std::move(how);
        done = true;
    });
    REQUIRE(s.until([&] { return s.kernel->executes() == 1; }));
    s.kernel->go();
    s.kernel.reset();
    s.driver->kernel_died();
    REQUIRE(s.until([&] { return done; }));
    CHECK(end.cause == end_cause::complete);
    CHECK(s.failures.empty());

    std::uint64_t discarded_bytes = 0;
    std::uint64_t told = 0;
    for (auto const& each : s.events) {
        if (auto const* missing = std::get_if<output_discarded>(&each)) {
            discarded_bytes += missing->bytes;
        } else {
            ++told;
        }
    }
    auto const discarded = s.driver->counters().discarded;
    CHECK(told > 0);
    CHECK(discarded > 0);
    CHECK(told + discarded == 400);
    CHECK(discarded_bytes >= discarded * 64 * 1024);
}

TEST_CASE("unread messages that are no output pass the limit together", "[link][limit]") {
    kernel_stage s{only("a", {busy(), hold{}, flood{4000}, die{}, hold{}})};
    s.carrier = transport::libzmq;  // which alone reads while the loop does not turn
    s.max_message_bytes = mib;
    s.renew();
    REQUIRE(s.ready());
    bool done = false;
    execution_end end;
    boost::asio::co_spawn(s.loop(), s.running("a"), [&](std::exception_ptr, execution_end how) {
        end = std::move(how);
        done = true;
    });
    REQUIRE(s.until([&] { return s.kernel->executes() == 1; }));
    std::size_t const before = resident_bytes();
    s.kernel->go();
    s.kernel.reset();
    REQUIRE(s.until([&] { return done; }));
    CHECK(end.cause == end_cause::unreachable);
    REQUIRE(s.failures.size() == 1);
    CHECK(s.failures[0].first == link_failure::backlog);
    CHECK_THAT(s.failures[0].second, Catch::Matchers::ContainsSubstring("unread messages"));
    CHECK((sanitized || resident_bytes() < before + 64 * mib));
}

TEST_CASE("a flooding kernel leaves the loop to others after every few messages",
          "[link][limit][fair]") {
    constexpr int messages = 4000;
    int since_tick = 0;
    int longest = 0;
    int ticks = 0;
    bool ticking = true;
    std::function<void()> tick;
    kernel_stage s{only("a", cell({flood{messages}}))};
    REQUIRE(s.ready());
    tick = [&] {
        longest = std::max(longest, since_tick);
        since_tick = 0;
        ++ticks;
        if (ticking) {
            boost::asio::post(s.loop(), tick);
        }
    };
    tick();
    s.on_event = [&] {
        ++since_tick;
    };
    CHECK(s.execute("a").cause == end_cause::complete);
    ticking = false;
    CHECK(s.printed_flood(messages));
    // A turn delivers 64; between two ticks one that was put off and the next may fall.
    CHECK(longest <= 128);
    CHECK(ticks >= messages / 128);
}

TEST_CASE("a peer that accepts and never greets is given up", "[link][hostile]") {
    stage s;
    std::vector<canary> listeners;
    for (int n = 1; n <= 5; ++n) {
        listeners.emplace_back(s.path(n));
    }
    connection_options options;
    options.key = test_key;
    options.socket_dir = s.fd();
    options.owner = ::geteuid();
    std::vector<std::string> failures;
    auto const connection = create_kernel_connection(
        s.loop(), options,
        [&](link_failure, std::string const& detail) { failures.push_back(detail); });
    CHECK(s.await(connection->ready(in(std::chrono::seconds{20}))).error() ==
          client_errc::unreachable);
    CHECK(failures.size() == 1);
}
