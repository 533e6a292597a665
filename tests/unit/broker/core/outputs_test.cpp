// SPDX-License-Identifier: Apache-2.0
#include "broker/core/outputs.hpp"

#include "tests/support/catch.hpp"

using broker::output_limits;
using broker::outputs;
using broker::raised_error;
using broker::rich_data;
using broker::stream_name;

namespace {

constexpr auto out = stream_name::stdout_stream;
constexpr auto err = stream_name::stderr_stream;

rich_data display(std::string data, std::optional<std::string> id = {}) {
    return {rich_data::kind::display_data, std::move(data), "{}", std::move(id), {}};
}

rich_data update(std::string data, std::string id) {
    return {rich_data::kind::update_display_data, std::move(data), "{}", std::move(id), {}};
}

rich_data result(std::string data, std::int64_t count) {
    return {rich_data::kind::execute_result, std::move(data), "{}", {}, count};
}

std::string stream_json(std::string const& name, std::string const& text) {
    return R"({"type":"stream","name":")" + name + R"(","text":")" + text + "\"}";
}

std::string display_json(std::string const& data) {
    return R"({"type":"display_data","data":)" + data + R"(,"metadata":{}})";
}

std::string list(std::vector<std::string> const& entries) {
    std::string text = "[";
    for (auto const& e : entries) {
        text += (text.size() == 1 ? "" : ",") + e;
    }
    return text + "]";
}

}  // namespace

TEST_CASE("nothing put out is an empty list", "[core][outputs]") {
    outputs o;
    auto const r = o.render();
    CHECK(r.outputs_json == "[]");
    CHECK(r.displays_json == "[]");
    CHECK(r.stdout_text.empty());
    CHECK_FALSE(r.result);
    CHECK_FALSE(r.truncated);
}

TEST_CASE("what is taken is what would be rendered, without the list", "[core][outputs]") {
    auto const filled = [] {
        auto o = std::make_unique<outputs>(
            output_limits{.max_bytes = 60, .max_output_bytes = 40, .tail_bytes = 10});
        o->append_stream(out, "a", 10);
        o->append_stream(err, "e");
        o->append_rich({.what = rich_data::kind::execute_result,
                        .data = R"({"text/plain":"7"})",
                        .execution_count = 7});
        o->append_error({"E", "v", {}});
        o->append_stream(out, std::string(100, 'x'));
        o->append_stream(err, "last");
        return o;
    };
    auto const rendered = filled()->render();
    auto const o = filled();
    auto const taken = o->take();
    CHECK(taken.stdout_text == rendered.stdout_text);
    CHECK(taken.stderr_text == rendered.stderr_text);
    CHECK(taken.displays_json == rendered.displays_json);
    CHECK(taken.result == rendered.result);
    CHECK(taken.dropped_bytes == rendered.dropped_bytes);
    CHECK((taken.truncated && rendered.truncated));
    CHECK(taken.outputs_json == "[]");
    CHECK(o->held_bytes() == 0);
}

TEST_CASE("neighbours of one stream are merged, the order of streams is kept", "[core][outputs]") {
    outputs o;
    o.append_stream(out, "a");
    o.append_stream(out, "b\r");
    o.append_stream(out, "");
    o.append_stream(err, "e");
    o.append_stream(out, "c");
    auto const r = o.render();
    CHECK(r.outputs_json == list({stream_json("stdout", "ab\\r"), stream_json("stderr", "e"),
                                  stream_json("stdout", "c")}));
    CHECK(r.stdout_text == "ab\rc");
    CHECK(r.stderr_text == "e");
}

TEST_CASE("the kernel's JSON is passed on byte by byte", "[core][outputs]") {
    outputs o;
    std::string const data = R"({ "text/plain" : "1e2\u0041" , "x":1E+2 })";
    o.append_rich({rich_data::kind::display_data, data, R"({"a": [ ]})", {}, {}});
    CHECK(o.render().outputs_json ==
          R"([{"type":"display_data","data":)" + data + R"(,"metadata":{"a": [ ]}}])");
}

TEST_CASE("a result is an output, and its plain text is told", "[core][outputs]") {
    outputs o;
    o.append_rich(result(R"({"text/html":"<b>","text/plain":"'x\n'"})", 7));
    auto const r = o.render();
    CHECK(r.outputs_json == R"([{"type":"execute_result","execution_count":7,)"
                            R"("data":{"text/html":"<b>","text/plain":"'x\n'"},"metadata":{}}])");
    CHECK(r.displays_json == r.outputs_json);
    CHECK(r.result == "'x\n'");
}

TEST_CASE("the list of displays leaves text and errors out", "[core][outputs]") {
    outputs o;
    o.append_stream(out, "a");
    o.append_rich(display(R"({"a":1})"));
    o.append_error({"E", "v", {"l1", "\x1b[31ml2"}});
    o.append_rich(result("{}", 1));
    auto const r = o.render();
    CHECK(r.displays_json ==
          list({display_json(R"({"a":1})"),
                R"({"type":"execute_result","execution_count":1,"data":{},"metadata":{}})"}));
    CHECK(r.outputs_json.find(
              R"({"type":"error","ename":"E","evalue":"v","traceback":["l1","\u001b[31ml2"]})") !=
          std::string::npos);
    CHECK_FALSE(r.result);
}

TEST_CASE("an update changes every display of its id and adds none", "[core][outputs]") {
    outputs o;
    o.append_rich(display("{\"n\":1}", "a"));
    o.append_rich(display("{\"n\":2}", "b"));
    o.append_rich(display("{\"n\":3}", "a"));
    o.append_rich(update("{\"n\":4}", "a"));
    o.append_rich(update("{\"n\":5}", "unknown"));
    o.append_rich({rich_data::kind::update_display_data, "{\"n\":6}", "{}", {}, {}});
    CHECK(o.render().outputs_json ==
          list({display_json("{\"n\":4}"), display_json("{\"n\":2}"), display_json("{\"n\":4}")}));
}

TEST_CASE("a display under a known id updates the earlier ones", "[core][outputs]") {
    outputs o;
    o.append_rich(display("{\"n\":1}", "a"));
    o.append_rich(display("{\"n\":2}", "a"));
    CHECK(o.render().outputs_json == list({display_json("{\"n\":2}"), display_json("{\"n\":2}")}));
}

TEST_CASE("clearing empties at once, or just before the next output", "[core][outputs]") {
    outputs o;
    o.append_stream(out, "a");
    o.clear(false);
    CHECK(o.render().outputs_json == "[]");

    o.append_stream(out, "b");
    o.clear(true);
    CHECK(o.render().stdout_text == "b");
    o.append_stream(out, "");
    CHECK(o.render().stdout_text == "b");
    o.append_stream(out, "c");
    CHECK(o.render().stdout_text == "c");
    o.append_stream(out, "d");
    CHECK(o.render().stdout_text == "cd");
}

TEST_CASE("every kind of output triggers a waiting clear, an update does not", "[core][outputs]") {
    auto const cleared_by = [](auto&& act) {
        outputs o;
        o.append_stream(out, "old");
        o.append_rich(display("{\"n\":1}", "a"));
        o.clear(true);
        act(o);
        return o.render().stdout_text.empty();
    };
    CHECK(cleared_by([](outputs& o) { o.append_stream(err, "x"); }));
    CHECK(cleared_by([](outputs& o) { o.append_rich(display("{}")); }));
    CHECK(cleared_by([](outputs& o) { o.append_rich(result("{}", 1)); }));
    CHECK(cleared_by([](outputs& o) { o.append_error({"E", "v", {}}); }));
    CHECK_FALSE(cleared_by([](outputs& o) { o.append_rich(update("{\"n\":2}", "a")); }));
}

TEST_CASE("an update of what was cleared is stored nowhere", "[core][outputs]") {
    outputs o;
    o.append_rich(display("{\"n\":1}", "a"));
    o.clear(false);
    o.append_rich(update("{\"n\":2}", "a"));
    CHECK(o.render().outputs_json == "[]");
    CHECK(o.held_bytes() == 0);
}

TEST_CASE("past the limit the head and the last bytes stay, the rest is counted",
          "[core][outputs]") {
    outputs o(output_limits{.max_bytes = 10, .max_output_bytes = 10, .tail_bytes = 4});
    for (int i = 0; i < 100; ++i) {
        o.append_stream(out, std::to_string(i % 10));
    }
    auto const r = o.render();
    CHECK(r.stdout_text == "01234567896789");
    CHECK(r.truncated);
    CHECK(r.dropped_bytes == 100 - 14);
    CHECK(r.outputs_json ==
          list({stream_json("stdout", "0123456789"), stream_json("stdout", "6789")}));
}

TEST_CASE("one text far above the limit is cut the same way", "[core][outputs]") {
    outputs o(output_limits{.max_bytes = 10, .max_output_bytes = 10, .tail_bytes = 4});
    o.append_stream(out, "ab" + std::string(1000, 'x') + "wxyz");
    o.append_stream(err, "");
    auto const r = o.render();
    CHECK(r.stdout_text == "abxxxxxxxxwxyz");
    CHECK(r.dropped_bytes == 1006 - 14);
}

TEST_CASE("the tail keeps its streams apart, and its characters whole", "[core][outputs]") {
    outputs o(output_limits{.max_bytes = 1, .max_output_bytes = 1, .tail_bytes = 6});
    o.append_stream(out, "a1");
    o.append_stream(err, "e");
    o.append_stream(out, "2");
    CHECK(o.render().outputs_json ==
          list({stream_json("stdout", "a"), stream_json("stdout", "1"), stream_json("stderr", "e"),
                stream_json("stdout", "2")}));
    std::string faces;
    for (int i = 0; i < 10; ++i) {
        faces += "\xF0\x9F\x98\x80";
    }
    o.append_stream(out, faces);
    auto const r = o.render();
    CHECK(r.stdout_text == "a\xF0\x9F\x98\x80");
    CHECK(r.stderr_text.empty());
    CHECK(r.dropped_bytes == 40 - 4 + 3);
}

TEST_CASE("exactly the limit, and what fits the tail, is not truncated", "[core][outputs]") {
    outputs o(output_limits{.max_bytes = 10, .max_output_bytes = 10, .tail_bytes = 4});
    o.append_stream(out, "0123456789");
    CHECK_FALSE(o.render().truncated);
    o.append_stream(out, "abcd");
    auto const r = o.render();
    CHECK_FALSE(r.truncated);
    CHECK(r.stdout_text == "0123456789abcd");
    o.append_stream(out, "e");
    CHECK(o.render().dropped_bytes == 1);
}

TEST_CASE("text is never cut inside a character", "[core][outputs]") {
    for (std::uint64_t limit = 0; limit < 12; ++limit) {
        outputs o(output_limits{.max_bytes = limit, .max_output_bytes = limit, .tail_bytes = 5});
        for (int i = 0; i < 20; ++i) {
            o.append_stream(out, "\xF0\x9F\x98\x80");
        }
        auto const r = o.render();
        CAPTURE(limit);
        CHECK(r.stdout_text.size() % 4 == 0);
        CHECK(r.outputs_json.find("\xEF\xBF\xBD") == std::string::npos);
        CHECK(r.stdout_text.size() + r.dropped_bytes == 80);
    }
}

TEST_CASE("a display that does not fit is dropped whole and the next output goes to the tail",
          "[core][outputs]") {
    outputs o(output_limits{.max_bytes = 20, .max_output_bytes = 20, .tail_bytes = 40});
    o.append_stream(out, "head");
    o.append_rich(display("{\"big\":\"" + std::string(100, 'x') + "\"}"));
    o.append_stream(out, "end");
    o.append_rich(result(R"({"text/plain":"42"})", 1));
    auto const r = o.render();
    CHECK(r.stdout_text == "headend");
    CHECK(r.result == "42");
    CHECK(r.dropped_bytes == 110 + 2);
    CHECK(r.truncated);
}

TEST_CASE("one output above its own limit is cut although the execution has room",
          "[core][outputs]") {
    outputs o(output_limits{.max_bytes = 1000, .max_output_bytes = 10, .tail_bytes = 2});
    o.append_stream(out, std::string(9, 'a'));
    o.append_stream(out, "bcde");
    CHECK(o.render().stdout_text == "aaaaaaaaabde");
}

TEST_CASE("an error is told even past the limit, shortened", "[core][outputs]") {
    outputs o(output_limits{.max_bytes = 10, .max_output_bytes = 10, .tail_bytes = 4096});
    o.append_stream(out, std::string(100'000, 'x'));
    std::vector<std::string> lines;
    for (int i = 0; i < 1000; ++i) {
        lines.push_back("line " + std::to_string(i));
    }
    o.append_error({"ValueError", std::string(5000, '\x01'), lines});
    REQUIRE(o.error());
    CHECK(o.error()->ename == "ValueError");
    CHECK(o.error()->evalue.size() == 256);
    CHECK(o.error()->traceback.back() == "line 999");
    CHECK(o.error()->traceback.size() < 100);
    auto const r = o.render();
    CHECK(r.outputs_json.find("\"ename\":\"ValueError\"") != std::string::npos);
    CHECK(r.outputs_json.size() < 20'000);
}

TEST_CASE("an error within the limit is kept as it is", "[core][outputs]") {
    outputs o;
    raised_error const error{"E", std::string(100'000, 'v'), {std::string(100'000, 't')}};
    o.append_error(error);
    CHECK(o.error() == error);
    o.clear(false);
    CHECK(o.error() == error);
}

TEST_CASE("memory is bounded whatever the program does", "[core][outputs]") {
    output_limits const limits{
        .max_bytes = 1000, .max_output_bytes = 1000, .tail_bytes = 100, .max_outputs = 50};
    outputs o(limits);
    std::uint64_t most = 0;
    for (int i = 0; i < 5000; ++i) {
        std::string const id = "d" + std::to_string(i % 7);
        o.append_stream(i % 2 == 0 ? out : err, std::string(static_cast<std::size_t>(i % 13), 'x'));
        o.append_rich(
            display("{\"a\":\"" + std::string(static_cast<std::size_t>(i % 90), 'y') + "\"}", id));
        o.append_rich(
            update("{\"b\":\"" + std::string(static_cast<std::size_t>(i % 150), 'z') + "\"}", id));
        if (i % 501 == 500) {
            o.clear(i % 2 == 0);
        }
        most = std::max(most, o.held_bytes());
    }
    CHECK(most <= limits.max_bytes + 2 * limits.tail_bytes);
    auto const r = o.render();
    CHECK(r.truncated);
    CHECK(r.outputs_json.size() < 8000);
}

TEST_CASE("many entries of nothing are bounded by their number", "[core][outputs]") {
    outputs o(output_limits{.max_outputs = 10});
    for (int i = 0; i < 10'000; ++i) {
        o.append_rich(display("{}"));
    }
    auto const text = o.render().outputs_json;
    CHECK(text.size() < (10 + 4096 + 1) * 60);
    CHECK(o.render().truncated);
}

TEST_CASE("updating one id of many displays a million times does not take longer for it",
          "[core][outputs]") {
    outputs o;
    for (int i = 0; i < 40'000; ++i) {
        o.append_rich(display("{}", "same"));
    }
    // Quadratic work would be 4e10 steps here, and the test would never end.
    for (int i = 0; i < 1'000'000; ++i) {
        o.append_rich(update("{\"a\":1}", "same"));
    }
    CHECK(o.held_bytes() == 40'000 * (7 + 2));
}

TEST_CASE("an update that would pass the limit by all its copies is refused and counted",
          "[core][outputs]") {
    outputs o(output_limits{.max_bytes = 100, .max_output_bytes = 100, .tail_bytes = 10});
    for (int i = 0; i < 10; ++i) {
        o.append_rich(display("{}", "a"));
    }
    o.append_rich(update("{\"abcdef\":1}", "a"));
    CHECK(o.held_bytes() == 40);
    auto const r = o.render();
    CHECK(r.dropped_bytes == 14);
    CHECK(r.truncated);
}

TEST_CASE("after clearing, what was dropped is no longer missing", "[core][outputs]") {
    outputs o(output_limits{.max_bytes = 10, .max_output_bytes = 10, .tail_bytes = 2});
    o.append_stream(out, std::string(1000, 'x'));
    CHECK(o.render().truncated);
    o.clear(false);
    o.append_stream(out, "done");
    auto const r = o.render();
    CHECK(r.stdout_text == "done");
    CHECK_FALSE(r.truncated);
}
