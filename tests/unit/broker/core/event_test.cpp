// SPDX-License-Identifier: Apache-2.0
// The events of an execution: how they stand in a file, where they are cut, and the way back.
#include "broker/core/event_record.hpp"
#include "broker/core/event_recorder.hpp"
#include "broker/core/event_replay.hpp"
#include "tests/support/catch.hpp"

#include <random>

using namespace broker;

namespace {

std::string records(std::vector<event_draft> const& all) {
    std::string out;
    for (auto const& one : all) {
        append_record(out, one.type, one.data);
    }
    return out;
}

std::vector<event_type> types(std::vector<event_draft> const& all) {
    std::vector<event_type> found;
    for (auto const& one : all) {
        found.push_back(one.type);
    }
    return found;
}

/// All that the drafts of one type say of text.
std::string text_of(std::vector<event_draft> const& all, event_type type) {
    outputs folded;
    replayed unused;
    for (auto const& one : all) {
        if (one.type == type) {
            replay(one, folded, unused);
        }
    }
    auto const seen = folded.render();
    return type == event_type::stdout_text ? seen.stdout_text : seen.stderr_text;
}

constexpr auto out = stream_name::stdout_stream;
constexpr auto err = stream_name::stderr_stream;

}  // namespace

TEST_CASE("records come back one by one, whatever their data", "[events]") {
    std::vector<event_draft> const all = {{event_type::queued, "{}"},
                                          {event_type::stdout_text, std::string(70'000, 'x')},
                                          {event_type::error, std::string("\0\n\r", 3)},
                                          {event_type::end, ""}};
    auto const bytes = records(all);
    std::string_view rest = bytes;
    for (auto const& one : all) {
        CHECK(take_record(rest) == one);
    }
    CHECK_FALSE(take_record(rest).has_value());
    auto const counted = count_records(bytes);
    CHECK(counted.bytes == bytes.size());
    CHECK(counted.records == 4);
    CHECK(counted.has_end);
}

TEST_CASE("a file that was cut off anywhere holds its whole records", "[events]") {
    auto const first = records({{event_type::queued, R"({"position":0})"}});
    auto const bytes = records({{event_type::queued, R"({"position":0})"},
                                {event_type::stdout_text, R"({"text":"abc"})"}});
    for (std::size_t at = 0; at <= bytes.size(); ++at) {
        auto const counted = count_records(std::string_view(bytes).substr(0, at));
        CHECK(counted.bytes == (at < first.size() ? 0 : at < bytes.size() ? first.size() : at));
        CHECK_FALSE(counted.has_end);
    }
    CHECK(count_records(bytes + std::string(4096, '\0')).bytes == bytes.size());
    CHECK(count_records(bytes + "\x0e rest").bytes == bytes.size());
    CHECK(count_records(bytes + "\x03\xff\xff\xff\xff rest").bytes == bytes.size());
    auto const ended = bytes + records({{event_type::end, "{}"}});
    CHECK(count_records(ended + bytes).bytes == ended.size());
}

TEST_CASE("every type has a word, and every number of one a type", "[events]") {
    CHECK_FALSE(event_type_from(0).has_value());
    CHECK_FALSE(event_type_from(14).has_value());
    for (std::uint8_t number = 1; number <= 13; ++number) {
        auto const type = event_type_from(number);
        REQUIRE(type.has_value());
        CHECK_FALSE(to_string(*type).empty());
    }
    CHECK(to_string(event_type::stdout_text) == "stdout");
    CHECK(to_string(event_type::end) == "end");
}

TEST_CASE("an execution has started before it says anything", "[events]") {
    event_recorder recorder({});
    event_recorder::drafts told;
    SECTION("with its count") {
        recorder.started(7, told);
        recorder.text(out, "a", told);
        CHECK(told[0] == event_draft{event_type::started, R"({"execution_count":7})"});
        CHECK(told[1] == event_draft{event_type::stdout_text, R"({"text":"a"})"});
    }
    SECTION("without one, when the kernel did not tell it before") {
        recorder.text(err, "a", told);
        recorder.started(7, told);
        CHECK(types(told) == std::vector{event_type::started, event_type::stderr_text});
        CHECK(told[0].data == R"({"execution_count":null})");
    }
}

TEST_CASE("the kernel's own JSON is spliced, not built anew", "[events]") {
    event_recorder recorder({});
    event_recorder::drafts told;
    rich_data rich;
    rich.what = rich_data::kind::execute_result;
    rich.data = R"({ "text/plain" : "1"})";
    rich.metadata = R"({"a": 1.50})";
    rich.display_id = "d";
    rich.execution_count = 3;
    recorder.rich(rich, told);
    CHECK(
        told.back().data ==
        R"({"execution_count":3,"display_id":"d","metadata":{"a": 1.50},"data":{ "text/plain" : "1"}})");
}

TEST_CASE("past the limit the rest is counted and its end comes last", "[events]") {
    event_recorder recorder({.max_bytes = 100, .max_output_bytes = 100, .tail_bytes = 10});
    event_recorder::drafts told;
    recorder.text(out, std::string(60, 'a'), told);
    recorder.text(out, std::string(60, 'b'), told);
    CHECK(text_of(told, event_type::stdout_text) == std::string(60, 'a') + std::string(40, 'b'));
    auto const head = told.size();
    for (int i = 0; i < 1000; ++i) {
        recorder.text(i % 2 == 0 ? out : err, "0123456789", told);
    }
    CHECK(told.size() == head);
    CHECK(recorder.cut());
    recorder.close(told);
    std::vector<event_draft> const rest(told.begin() + static_cast<std::ptrdiff_t>(head),
                                        told.end());
    REQUIRE(rest.size() == 2);
    CHECK(rest[0] == event_draft{event_type::truncated, R"({"dropped_bytes":10010})"});
    CHECK(rest[1] == event_draft{event_type::stderr_text, R"({"text":"0123456789"})"});
}

TEST_CASE("one long text comes in pieces, cut between characters", "[events]") {
    event_recorder recorder({});
    event_recorder::drafts told;
    std::string text;
    while (text.size() < 600'000) {
        text += "äöü€";
    }
    recorder.text(out, text, told);
    CHECK(told.size() == 6);  // and `started`
    CHECK(text_of(told, event_type::stdout_text) == text);
}

TEST_CASE("an error past the limit is told in short", "[events]") {
    event_recorder recorder({.max_bytes = 10, .max_output_bytes = 10, .tail_bytes = 4096});
    event_recorder::drafts told;
    recorder.error({"ValueError", std::string(100'000, 'v'), {std::string(100'000, 't'), "last"}},
                   told);
    CHECK(types(told) == std::vector{event_type::started});
    recorder.close(told);
    CHECK(types(told) ==
          std::vector{event_type::started, event_type::truncated, event_type::error});
    outputs folded;
    replayed seen;
    replay(told.back(), folded, seen);
    REQUIRE(folded.error().has_value());
    CHECK(folded.error()->ename == "ValueError");
    CHECK(folded.error()->traceback == std::vector<std::string>{"last"});
}

TEST_CASE("events are limited in number, and a question is told in any case", "[events]") {
    event_recorder recorder({.max_outputs = 3});
    event_recorder::drafts told;
    for (int i = 0; i < 10; ++i) {
        recorder.clear(false, told);
    }
    recorder.input_request("name? ", true, told);
    CHECK(types(told) == std::vector{event_type::started, event_type::clear_output,
                                     event_type::clear_output, event_type::clear_output,
                                     event_type::input_request});
    CHECK(told.back().data == R"({"prompt":"name? ","password":true})");
}

TEST_CASE("a log played again gives the outputs that were heard", "[events]") {
    std::mt19937 random(4);
    for (int round = 0; round < 300; ++round) {
        outputs heard;
        event_recorder recorder({});
        event_recorder::drafts told;
        for (int i = 0; i < 40; ++i) {
            auto const kind = random() % 8;
            auto const text = std::to_string(random() % 10) + "\"\\\n\r€";
            if (kind < 3) {
                recorder.text(kind == 0 ? err : out, text, told);
                heard.append_stream(kind == 0 ? err : out, text);
            } else if (kind < 6) {
                rich_data rich;
                rich.what = kind == 3   ? rich_data::kind::display_data
                            : kind == 4 ? rich_data::kind::update_display_data
                                        : rich_data::kind::execute_result;
                rich.data = R"({"text/plain":")" + std::to_string(random() % 10) + "\"}";
                if (random() % 2 == 0) {
                    rich.display_id = std::to_string(random() % 3);
                }
                if (kind == 5) {
                    rich.execution_count = 5;
                }
                recorder.rich(rich, told);
                heard.append_rich(rich);
            } else if (kind == 6) {
                bool const wait = random() % 2 == 0;
                recorder.clear(wait, told);
                heard.clear(wait);
            } else {
                raised_error const error{"E", text, {"a\nb", text}};
                recorder.error(error, told);
                heard.append_error(error);
            }
        }
        recorder.close(told);
        outputs again;
        auto const bytes = records(told);
        replayed seen;
        replay(bytes, again, seen);
        CHECK(seen.started);
        CHECK(seen.events == told.size() - 1);
        auto const one = heard.render();
        auto const two = again.render();
        CHECK(one.outputs_json == two.outputs_json);
        CHECK(one.stdout_text == two.stdout_text);
        CHECK(one.stderr_text == two.stderr_text);
        CHECK(one.result == two.result);
        CHECK(heard.error() == again.error());
    }
}

TEST_CASE("what is played again is held against the limits as it was", "[events]") {
    output_limits const limits{.max_bytes = 40, .max_output_bytes = 40, .tail_bytes = 8};
    event_recorder first(limits);
    event_recorder::drafts told;
    first.text(out, "\n\n\n\n\n\n\n\n", told);                           // 8
    first.rich({.data = R"({"a":1})", .metadata = R"({"b":2})"}, told);  // 14
    first.clear(false, told);                                            // 0
    first.input_request("a prompt that is for free", false, told);
    replayed seen;
    outputs again(limits);
    replay(records(told), again, seen);
    CHECK(seen.bytes == 22);
    CHECK(seen.events == 3);
    event_recorder second(limits);
    second.resume(seen.events, seen.bytes, seen.started);
    event_recorder::drafts more;
    std::string const rest(30, 'x');
    second.text(out, rest, more);
    CHECK(text_of(more, event_type::stdout_text) == rest.substr(0, 18));
}

TEST_CASE("an execution that is followed on keeps to the limits it had", "[events]") {
    event_recorder recorder({.max_bytes = 100, .max_output_bytes = 100, .tail_bytes = 10});
    recorder.resume(5, 95, true);
    event_recorder::drafts told;
    recorder.text(out, "0123456789", told);
    CHECK(types(told) == std::vector{event_type::stdout_text});
    CHECK(text_of(told, event_type::stdout_text) == "01234");
    recorder.close(told);
    CHECK(text_of(told, event_type::stdout_text) == "0123456789");
}
