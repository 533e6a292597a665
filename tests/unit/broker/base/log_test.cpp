// SPDX-License-Identifier: Apache-2.0
#include "broker/base/log.hpp"

#include "broker/base/steps.hpp"
#include "broker/base/unique_fd.hpp"
#include "tests/support/catch.hpp"

#include <unistd.h>

#include <array>
#include <set>
#include <thread>

using broker::log_level;
using broker::log_record;
using broker::logger;
using namespace std::chrono_literals;

namespace {

log_record sample() {
    return {broker::wall_time{1709210096007ms},
            log_level::info,
            "session_started",
            {{"session", "a b"}, {"uid", 200000U}, {"ms", 1.5}, {"ok", true}, {"image", "python"}}};
}

std::string drain(int fd) {
    std::string all;
    std::array<char, 4096> chunk{};
    for (ssize_t n = 0; (n = ::read(fd, chunk.data(), chunk.size())) > 0;) {
        all.append(chunk.data(), static_cast<std::size_t>(n));
    }
    return all;
}

}  // namespace

TEST_CASE("a record is one JSON object on one line", "[base][log]") {
    CHECK(broker::to_json_line(sample()) ==
          R"({"time":"2024-02-29T12:34:56.007Z","level":"info","event":"session_started",)"
          R"("session":"a b","uid":200000,"ms":1.5,"ok":true,"image":"python"})"
          "\n");
}

TEST_CASE("a person reads the same record without JSON", "[base][log]") {
    CHECK(broker::to_readable_line(sample()) ==
          "12:34:56.007 info session_started session=\"a b\" uid=200000 ms=1.5 ok=true "
          "image=python\n");
}

TEST_CASE("no value can start a line of its own", "[base][log]") {
    log_record const record{{}, log_level::error, "x", {{"v", "a\nlevel=error \x1b[31m"}}};
    for (auto const& line : {broker::to_json_line(record), broker::to_readable_line(record)}) {
        CHECK(line.find('\n') == line.size() - 1);
        CHECK(line.find('\x1b') == std::string::npos);
    }
}

TEST_CASE("what is below the level is not said", "[base][log]") {
    std::vector<std::string> heard;
    logger const log(log_level::warning, [&](log_record const& r) { heard.push_back(r.event); });
    log.debug("a");
    log.info("b");
    log.warning("c");
    log.error("d", {{"n", 1}});
    CHECK(heard == std::vector<std::string>{"c", "d"});
    logger{}.error("nobody listens");
}

TEST_CASE("levels are read as they are written", "[base][log]") {
    for (auto const level :
         {log_level::debug, log_level::info, log_level::warning, log_level::error}) {
        CHECK(broker::log_level_from(broker::to_string(level)) == level);
    }
    CHECK_FALSE(broker::log_level_from("Info"));
    CHECK_FALSE(broker::log_level_from(""));
}

TEST_CASE("lines of several threads do not mix", "[base][log]") {
    std::array<int, 2> ends{};
    REQUIRE(::pipe(ends.data()) == 0);
    broker::unique_fd const reading(ends[0]);
    broker::unique_fd writing(ends[1]);
    std::string all;
    {
        std::jthread const reader([&] { all = drain(reading.get()); });
        {
            logger const log(log_level::info, broker::make_fd_sink(writing.get()));
            std::vector<std::jthread> writers;
            for (int t = 0; t < 4; ++t) {
                writers.emplace_back([&log, t] {
                    for (int i = 0; i < 200; ++i) {
                        log.info("line", {{"filler", std::string(300, 'x')}, {"n", t * 200 + i}});
                    }
                });
            }
        }
        writing.reset();
    }
    std::set<std::string> numbers;
    std::size_t lines = 0;
    for (std::size_t at = 0, end = 0; (end = all.find('\n', at)) != std::string::npos;
         at = end + 1, ++lines) {
        auto const line = all.substr(at, end - at);
        REQUIRE(line.front() == '{');
        REQUIRE(line.back() == '}');
        numbers.insert(line.substr(line.rfind("\"n\":")));
    }
    CHECK(lines == 800);
    CHECK(numbers.size() == 800);
}

TEST_CASE("a step calls its hook with its name, and nothing without one", "[base][steps]") {
    std::vector<std::string> passed;
    broker::steps const watched([&](std::string_view name) { passed.emplace_back(name); });
    watched(broker::step::row_written);
    watched(broker::step::deleting);
    CHECK(passed == std::vector<std::string>{"row_written", "deleting"});
    broker::steps{}(broker::step::sent);
}
