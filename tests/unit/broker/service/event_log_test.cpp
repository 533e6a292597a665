// SPDX-License-Identifier: Apache-2.0
// The log of one execution: what readers see and when, where it is kept, and what a disk that fails
// does to it.
#include "broker/service/event_log.hpp"

#include "broker/service/revival.hpp"
#include "tests/support/service_stage.hpp"

#include <algorithm>

using namespace broker;
using namespace test;

namespace {

using got = result<event_reader::batch>;

struct log_stage {
    fake_host host;
    service_stage stage{host};
    execution_id id = execution_id::make();
    std::shared_ptr<event_log> log = std::make_shared<event_log>(stage.context, id);

    got read(event_reader& from) { return stage.get(from.next(steady_time::max())); }

    /// All there is, by number.
    std::vector<execution_event> all(std::shared_ptr<event_log> of, std::uint64_t after = 0,
                                     bool follow = true) {
        event_reader reader(std::move(of), after, follow);
        std::vector<execution_event> seen;
        for (;;) {
            auto const batch = read(reader);
            REQUIRE(batch.has_value());
            seen.insert(seen.end(), batch->events.begin(), batch->events.end());
            if (batch->ended) {
                return seen;
            }
        }
    }
    void flush() {
        CHECK(stage.get([](std::shared_ptr<event_log> of) -> task<bool> {
            co_await of->flushed();
            co_return true;
        }(log)));
    }
    bool in_file(std::string const& text) const {
        std::string all;
        auto const found = event_log::read_file(
            host.files, id, [&all](std::string_view records) { all += records; });
        return found && found->counted.bytes == all.size() && all.find(text) != std::string::npos;
    }
};

std::vector<std::uint64_t> ids(std::vector<execution_event> const& events) {
    std::vector<std::uint64_t> found;
    for (auto const& one : events) {
        found.push_back(one.id);
    }
    return found;
}

}  // namespace

TEST_CASE("a short log that nobody reads never becomes a file", "[service][events]") {
    log_stage s;
    s.log->append(event_type::queued, "{}");
    s.log->append(event_type::stdout_text, "abc");
    s.log->settle();
    CHECK_FALSE(s.log->in_file());
    auto const kept = s.log->records();
    s.log->end("{\"end\":1}");
    CHECK_FALSE(s.log->in_file());
    CHECK(ids(s.all(s.log)) == std::vector<std::uint64_t>{1, 2, 3});
    auto const again = event_log::of_records(s.stage.context, kept, "{\"end\":1}");
    CHECK(s.all(again) == s.all(s.log));
    CHECK(ids(s.all(again, 2)) == std::vector<std::uint64_t>{3});
}

TEST_CASE("time brings a log to its file, whether anybody reads or not", "[service][events]") {
    log_stage s;
    s.log->append(event_type::stdout_text, "abc");
    s.stage.until([&] { return s.log->in_file(); });
    CHECK(s.in_file("abc"));
    s.log->append(event_type::stdout_text, "def");
    s.stage.until([&] { return s.in_file("def"); });
}

TEST_CASE("what has ended short makes no file, whatever was about to", "[service][events]") {
    log_stage s;
    {
        event_reader const reader(s.log, 0, true);
        s.log->append(event_type::stdout_text, "abc");
    }
    s.log->settle();
    s.log->end("{}");
    s.flush();  // in the loop behind the flush that the reader was the reason for
    CHECK_FALSE(s.log->in_file());
    CHECK_FALSE(s.in_file("abc"));
}

TEST_CASE("a reader sees what is in the file, at once", "[service][events]") {
    log_stage s;
    s.log->append(event_type::stdout_text, "abc");
    event_reader reader(s.log, 0, true);
    CHECK(s.in_file("abc"));
    CHECK(ids(s.read(reader)->events) == std::vector<std::uint64_t>{1});
    auto const more = s.stage.begin(reader.next(steady_time::max()));
    s.stage.settle();
    CHECK_FALSE(more->has_value());
    s.log->append(event_type::stdout_text, "def");
    s.log->append(event_type::stderr_text, "ghi");
    auto const batch = s.stage.wait(more);
    REQUIRE(batch.has_value());
    CHECK(ids(batch->events) == std::vector<std::uint64_t>{2, 3});
    CHECK(s.in_file("ghi"));
}

TEST_CASE("a reader who has time gets events together, and the end at once", "[service][events]") {
    log_stage s;
    s.log->append(event_type::stdout_text, "abc");
    event_reader reader(s.log, 0, true);
    auto const later = std::chrono::steady_clock::now() + std::chrono::hours(1);
    auto const waits = s.stage.begin(reader.next(steady_time::max(), later));
    s.log->append(event_type::stdout_text, "def");
    s.stage.settle();
    CHECK_FALSE(waits->has_value());
    SECTION("the log ends") {
        s.log->end("{}");
        CHECK(ids(s.stage.wait(waits)->events) == std::vector<std::uint64_t>{1, 2, 3});
    }
    SECTION("its broker leaves") {
        s.log->leave();
        CHECK(ids(s.stage.wait(waits)->events) == std::vector<std::uint64_t>{1, 2});
    }
    SECTION("it is stopped") {
        reader.stop();
        CHECK(s.stage.wait(waits)->events.empty());
    }
    SECTION("its time has come") {
        event_reader other(s.log, 0, true);
        auto const soon = std::chrono::steady_clock::now() + std::chrono::milliseconds(1);
        CHECK(ids(s.stage.get(other.next(steady_time::max(), soon))->events) ==
              std::vector<std::uint64_t>{1, 2});
        reader.stop();
        (void)s.stage.wait(waits);
    }
}

TEST_CASE("readers have their own places, and one that waits hinders nobody", "[service][events]") {
    log_stage s;
    event_reader slow(s.log, 0, true);
    event_reader quick(s.log, 0, true);
    std::vector<execution_event> seen;
    for (int i = 0; i < 2000; ++i) {
        s.log->append(event_type::stdout_text, std::string(200, static_cast<char>('a' + i % 26)));
        if (i % 100 == 99) {
            while (seen.size() <= static_cast<std::size_t>(i)) {
                auto const batch = s.read(quick);
                seen.insert(seen.end(), batch->events.begin(), batch->events.end());
            }
        }
    }
    s.flush();
    s.log->end("{}");
    std::vector<execution_event> late;
    for (bool more = true; more;) {
        auto batch = s.read(slow);
        REQUIRE(batch.has_value());
        more = !batch->ended;
        late.insert(late.end(), batch->events.begin(), batch->events.end());
    }
    REQUIRE(late.size() == 2001);
    CHECK(std::equal(seen.begin(), seen.end(), late.begin()));
    CHECK(late.back().type == event_type::end);
    CHECK(ids(s.all(s.log, 1999)) == std::vector<std::uint64_t>{2000, 2001});
}

TEST_CASE("what is long is written on the pool, in order", "[service][events]") {
    log_stage s;
    s.log->append(event_type::stdout_text, std::string(3'000'000, 'x'));
    s.log->append(event_type::stdout_text, "after");
    s.flush();
    s.log->append(event_type::display_data, std::string(200'000, 'y'));
    s.flush();
    s.log->end("{}");
    auto const seen = s.all(s.log);
    REQUIRE(seen.size() == 4);
    CHECK(seen[0].data.size() == 3'000'000);
    CHECK(seen[1].data == "after");
    CHECK(seen[2].data.size() == 200'000);
}

TEST_CASE("a reader that does not follow ends at what is there", "[service][events]") {
    log_stage s;
    s.log->append(event_type::queued, "{}");
    CHECK(ids(s.all(s.log, 0, false)) == std::vector<std::uint64_t>{1});
    s.log->append(event_type::stdout_text, "a");
    CHECK(ids(s.all(s.log, 1, false)) == std::vector<std::uint64_t>{2});
    CHECK(s.all(s.log, 7, false).empty());
}

TEST_CASE("a reader waits no longer than it is told to", "[service][events]") {
    log_stage s;
    event_reader reader(s.log, 0, true);
    auto const batch =
        s.stage.get(reader.next(std::chrono::steady_clock::now() + std::chrono::milliseconds(20)));
    REQUIRE(batch.has_value());
    CHECK(batch->events.empty());
    CHECK_FALSE(batch->ended);
    auto const waiting = s.stage.begin(reader.next(steady_time::max()));
    s.stage.settle();
    reader.stop();
    CHECK(s.stage.wait(waiting)->events.empty());
}

TEST_CASE("a log that another broker has begun is gone on with", "[service][events]") {
    log_stage s;
    s.log->append(event_type::queued, "{}");
    s.log->append(event_type::stdout_text, "before");
    s.log->leave();
    CHECK(s.in_file("before"));
    // What was cut off in the middle is none.
    auto const file = s.host.files.open_events(s.id, false);
    REQUIRE(append_to(file->get(), std::string("\x03\xff\0\0", 4)).has_value());
    auto found = event_log::read_file(s.host.files, s.id);
    REQUIRE(found.has_value());
    auto const next = std::make_shared<event_log>(s.stage.context, s.id);
    REQUIRE(next->resume(std::move(*found)).has_value());
    CHECK(next->last_id() == 2);
    next->append(event_type::stdout_text, "after");
    next->settle();
    next->end("{}");
    auto const seen = s.all(next);
    CHECK(ids(seen) == std::vector<std::uint64_t>{1, 2, 3, 4});
    CHECK(seen[2].data == "after");
}

TEST_CASE("readers of a log that is left end without an end", "[service][events]") {
    log_stage s;
    event_reader reader(s.log, 0, true);
    auto const waiting = s.stage.begin(reader.next(steady_time::max()));
    s.stage.settle();
    s.log->leave();
    auto const batch = s.stage.wait(waiting);
    REQUIRE(batch.has_value());
    CHECK(batch->events.empty());
    CHECK_FALSE(batch->ended);
    CHECK(reader.log_left());
}

TEST_CASE("a disk that fails is told to readers, and ends nothing else", "[service][events]") {
    log_stage s;
    std::filesystem::remove_all(s.host.results.path());
    s.log->append(event_type::stdout_text, "a");
    event_reader reader(s.log, 0, true);
    CHECK(s.read(reader).error().code == errc::internal);
    s.log->append(event_type::stdout_text, "b");
    s.log->settle();
    s.log->end("{}");
    CHECK(s.log->broken());
    std::filesystem::create_directory(s.host.results.path());
}

TEST_CASE("a file of another's bytes is damaged, not trusted", "[service][events]") {
    log_stage s;
    {
        auto const file = s.host.files.open_events(s.id, true);
        REQUIRE(append_to(file->get(), std::string(300'000, '\xAB')).has_value());
    }
    auto found = event_log::read_file(s.host.files, s.id);
    REQUIRE(found.has_value());
    CHECK(found->counted.records == 0);
    auto const log = event_log::of_file(s.stage.context, s.id, std::move(*found), "{}");
    CHECK(ids(s.all(log)) == std::vector<std::uint64_t>{1});
}

TEST_CASE("a long log is read from its file a piece at a time", "[service][events]") {
    log_stage s;
    std::vector<std::size_t> const sizes{10, 300'000, 5, 262'139, 262'144, 1'000'000, 0, 7};
    for (auto const size : sizes) {
        s.log->append(event_type::stdout_text, std::string(size, 'x'));
    }
    s.log->leave();
    s.flush();
    std::vector<std::size_t> seen;
    std::size_t longest = 0;
    auto const found = event_log::read_file(s.host.files, s.id, [&](std::string_view records) {
        longest = std::max(longest, records.size());
        while (auto const one = take_record(records)) {
            seen.push_back(one->data.size());
        }
        CHECK(records.empty());
    });
    REQUIRE(found.has_value());
    CHECK(seen == sizes);
    CHECK(found->counted.records == sizes.size());
    CHECK(longest < 1'300'000);
}

TEST_CASE("an end that the file lacks is shown to every reader, and written by none",
          "[service][events]") {
    log_stage s;
    s.log->append(event_type::stdout_text, "abc");
    s.log->leave();
    auto const read = [&] {
        auto found = event_log::read_file(s.host.files, s.id);
        REQUIRE(found.has_value());
        return event_log::of_file(s.stage.context, s.id, std::move(*found), "{\"end\":1}");
    };
    auto const one = read();
    auto const two = read();
    CHECK(ids(s.all(one)) == std::vector<std::uint64_t>{1, 2});
    CHECK(s.all(one) == s.all(two));
    CHECK(s.all(one, 1).front().data == "{\"end\":1}");
    CHECK_FALSE(s.in_file("end"));
}

TEST_CASE("a reader that comes behind the end while it is written sees it", "[service][events]") {
    log_stage s;
    s.log->append(event_type::stdout_text, std::string(3'000'000, 'x'));
    s.log->settle();  // begins to write
    s.log->end("{}");
    event_reader late(s.log, 1, true);
    auto const batch = s.read(late);
    REQUIRE(batch.has_value());
    CHECK(ids(batch->events) == std::vector<std::uint64_t>{2});
}
