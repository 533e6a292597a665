// SPDX-License-Identifier: Apache-2.0
#include "broker/core/admission.hpp"

#include "broker/core/names.hpp"
#include "broker/core/uid_pool.hpp"
#include "broker/core/words.hpp"
#include "tests/support/catch.hpp"

#include <cmath>
#include <limits>
#include <numeric>

using broker::errc;
using broker::limits_request;

namespace {

constexpr broker::limits maxima{
    .memory_bytes = 1U << 30U, .cpus = 4, .pids = 512, .disk_bytes = 1ULL << 33U, .timeout_s = 600};

broker::result<broker::limits> merged(limits_request const& wish) {
    return broker::merge_limits(wish, broker::limits{}, maxima);
}

struct refused_row {
    limits_request wish;
    errc code;
    char const* word;
    char const* number;
};

}  // namespace

TEST_CASE("a request without wishes gets the defaults", "[core][admission]") {
    auto const got = merged({});
    REQUIRE(got);
    CHECK(*got == broker::limits{});
}

TEST_CASE("wishes within the maxima are granted as they are", "[core][admission]") {
    auto const got = merged({.memory_bytes = 1 << 30,
                             .cpus = 4.0,
                             .pids = 512,
                             .disk_bytes = std::int64_t{1} << 33,
                             .timeout_s = 600.0});
    REQUIRE(got);
    CHECK(*got == maxima);
    auto const one = merged({.cpus = 0.25});
    REQUIRE(one);
    CHECK(one->cpus == 0.25);
    CHECK(one->pids == 128);
}

TEST_CASE("a wish that cannot be granted is refused by name", "[core][admission]") {
    double const nan = std::nan("");
    double const inf = std::numeric_limits<double>::infinity();
    std::vector<refused_row> const rows = {
        {{.memory_bytes = (1 << 30) + 1}, errc::limit_too_high, "memory_bytes", "1073741824"},
        {{.cpus = 4.1}, errc::limit_too_high, "cpus", "4"},
        {{.pids = 513}, errc::limit_too_high, "pids", "512"},
        {{.disk_bytes = std::numeric_limits<std::int64_t>::max()},
         errc::limit_too_high,
         "disk_bytes",
         "8589934592"},
        {{.timeout_s = 600.5}, errc::limit_too_high, "timeout_s", "600"},
        {{.memory_bytes = 0}, errc::invalid_field, "memory_bytes", "0"},
        {{.memory_bytes = -1}, errc::invalid_field, "memory_bytes", "0"},
        {{.memory_bytes = 1}, errc::invalid_field, "memory_bytes", "67108864"},
        {{.cpus = 0.0}, errc::invalid_field, "cpus", "0"},
        {{.cpus = -1.0}, errc::invalid_field, "cpus", "0"},
        {{.cpus = nan}, errc::invalid_field, "cpus", "0"},
        {{.cpus = inf}, errc::invalid_field, "cpus", "0"},
        {{.pids = 0}, errc::invalid_field, "pids", "0"},
        {{.pids = 1}, errc::invalid_field, "pids", "16"},
        {{.disk_bytes = 0}, errc::invalid_field, "disk_bytes", "0"},
        {{.timeout_s = 0.0}, errc::invalid_field, "timeout_s", "0"},
        {{.timeout_s = -0.0}, errc::invalid_field, "timeout_s", "0"},
        {{.timeout_s = nan}, errc::invalid_field, "timeout_s", "0"},
        {{.timeout_s = -inf}, errc::invalid_field, "timeout_s", "0"},
    };
    for (auto const& row : rows) {
        CAPTURE(row.word, row.number);
        auto const got = merged(row.wish);
        REQUIRE_FALSE(got);
        CHECK(got.error().code == row.code);
        CHECK(got.error().detail.find(row.word) == 0);
        CHECK(got.error().detail.find(row.number) != std::string::npos);
    }
}

TEST_CASE("one execution may ask for its own time", "[core][admission]") {
    CHECK(*broker::merge_timeout("timeout_s", {}, 60, 600) == 60);
    CHECK(*broker::merge_timeout("timeout_s", 0.5, 60, 600) == 0.5);
    CHECK(*broker::merge_timeout("timeout_s", 600, 60, 600) == 600);
    CHECK(broker::merge_timeout("timeout_s", 601, 60, 600).error().code == errc::limit_too_high);
    CHECK(broker::merge_timeout("timeout_s", 0, 60, 600).error().code == errc::invalid_field);
    for (double const wrong : {601.0, 0.0, 1e-9}) {
        CHECK(
            broker::merge_timeout("timeout", wrong, 60, 600).error().detail.starts_with("timeout"));
        CHECK(broker::merge_timeout("timeout", wrong, 60, 600).error().detail.find("timeout_s") ==
              std::string::npos);
    }
    CHECK(broker::merge_idle_timeout(-5, 60, 600).error().detail.find("idle_timeout_s") == 0);
}

TEST_CASE("caps refuse the one too many", "[core][admission]") {
    broker::admission_caps const caps;
    CHECK(broker::admit_session(caps, 199, 49));
    CHECK(broker::admit_session(caps, 200, 0).error().code == errc::too_many_sessions);
    CHECK(broker::admit_session(caps, 50, 50).error().code == errc::too_many_sessions);
    CHECK(broker::admit_execution(caps, 31));
    CHECK(broker::admit_execution(caps, 32).error().code == errc::queue_full);
    constexpr auto floor = broker::descriptors_of_a_session + broker::descriptor_reserve;
    CHECK(broker::admit_sandbox(caps, {caps.free_memory_floor_bytes, floor}));
    auto const no_memory = broker::admit_sandbox(caps, {caps.free_memory_floor_bytes - 1, floor});
    CHECK(no_memory.error().code == errc::no_capacity);
    CHECK(no_memory.error().detail.find("memory") != std::string::npos);
    auto const no_files = broker::admit_sandbox(caps, {caps.free_memory_floor_bytes, floor - 1});
    CHECK(no_files.error().code == errc::no_capacity);
    CHECK(no_files.error().detail.find("descriptors") != std::string::npos);
}

TEST_CASE("session names are plain words", "[core][names]") {
    for (auto const& good : {std::string("a"), std::string("alice-1"), std::string("A.b_c:d-9"),
                             std::string("..."), std::string(128, 'x')}) {
        CHECK(broker::check_session_name(good));
    }
    for (auto const& bad :
         {std::string(), std::string("."), std::string(".."), std::string(129, 'x'),
          std::string("a/b"), std::string("a b"), std::string("a\n"), std::string("a\0b", 3),
          std::string("\xC3\xA4"), std::string("%2e"), std::string("../x"), std::string("a\\b")}) {
        CAPTURE(bad);
        CHECK(broker::check_session_name(bad).error().code == errc::invalid_field);
    }
}

TEST_CASE("labels are bounded in number, size and form", "[core][names]") {
    using list = broker::label_list;
    CHECK(broker::check_labels({}));
    CHECK(broker::check_labels({{"team/x", "data science \xC3\xA4"}, {"b", ""}}));
    list many(64, {"k", "v"});
    for (std::size_t i = 0; i < many.size(); ++i) {
        many[i].first += std::to_string(i);
    }
    CHECK(broker::check_labels(many));
    many.emplace_back("one-more", "v");
    CHECK_FALSE(broker::check_labels(many));
    for (auto const& bad :
         {list{{"", "v"}}, list{{std::string(64, 'k'), "v"}}, list{{"a b", "v"}},
          list{{"a=b", "v"}}, list{{"k", std::string(257, 'v')}}, list{{"k", "\xFF"}},
          list{{"k", "a\nb"}}, list{{"k", "\x7f"}}, list{{"k", "1"}, {"k", "2"}}}) {
        CHECK(broker::check_labels(bad).error().code == errc::invalid_field);
    }
}

TEST_CASE("a user number is given to one session at a time, the last one freed last",
          "[core][uid]") {
    using broker::free_uid;
    CHECK(free_uid({}) == 200'000);
    CHECK(free_uid({}, 200'000) == 200'001);
    CHECK(free_uid({}, 299'999) == 200'000);
    CHECK(free_uid({}, 0) == 200'000);
    std::vector<std::uint32_t> const used{200'001, 200'002, 0, 299'999, 4'000'000};
    CHECK(free_uid(used, 200'000) == 200'003);
    CHECK(free_uid(used, 299'998) == 200'000);
    std::vector<std::uint32_t> all(100'000);
    std::iota(all.begin(), all.end(), broker::first_uid);
    CHECK_FALSE(free_uid(all, 250'000));
    all[7] = 0;
    CHECK(free_uid(all, 250'000) == 200'007);
}

TEST_CASE("the words of the APIs are read as they are written", "[core][words]") {
    using namespace broker;
    CHECK(to_string(state_reason::host_restart) == "host_restart");
    CHECK(to_string(outcome::unknown) == "unknown");
    CHECK(to_string(death_kind::runtime_lost) == "runtime_lost");
    CHECK(to_string(session_state::lost) == "lost");
    CHECK(to_string(session_status::closing) == "closing");
    CHECK(to_string(execution_state::done) == "done");
    for (int i = 0; i <= static_cast<int>(state_reason::host_restart); ++i) {
        auto const value = static_cast<state_reason>(i);
        CHECK(from_string<state_reason>(to_string(value)) == value);
    }
    CHECK(from_string<outcome>("timeout") == outcome::timeout);
    CHECK_FALSE(from_string<outcome>("oom"));
    CHECK_FALSE(from_string<session_status>(""));
}
