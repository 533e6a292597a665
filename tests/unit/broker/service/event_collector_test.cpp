// SPDX-License-Identifier: Apache-2.0
// When the outputs of an execution need not be kept beside its log.
#include "broker/service/event_collector.hpp"

#include "broker/core/event_replay.hpp"
#include "tests/support/service_stage.hpp"

#include <random>

using namespace broker;
using namespace test;
using kernelproto::event;

namespace {

/// As they are by default: an output may be as long as all of them.
constexpr output_limits narrow{
    .max_bytes = 100, .max_output_bytes = 100, .tail_bytes = 20, .max_outputs = 8};

constexpr output_limits uneven{
    .max_bytes = 100, .max_output_bytes = 70, .tail_bytes = 20, .max_outputs = 8};

event print(std::string text) {
    return kernelproto::stream_text{kernelproto::stream_text::stream::stdout_stream,
                                    std::move(text), 0, 0};
}

event warn(std::string text) {
    return kernelproto::stream_text{kernelproto::stream_text::stream::stderr_stream,
                                    std::move(text), 0, 0};
}

event show(std::string const& text, std::optional<std::string> id = std::nullopt,
           kernelproto::rich_output::kind what = kernelproto::rich_output::kind::display_data) {
    return kernelproto::rich_output{what, R"({"text/plain":")" + text + "\"}", "{}", std::move(id),
                                    std::nullopt};
}

event update(std::string const& text, std::string id) {
    return show(text, std::move(id), kernelproto::rich_output::kind::update_display_data);
}

event fails(std::string text) { return kernelproto::raised{"E", std::move(text), {}}; }

/// One execution that puts `events` out.
struct heard {
    explicit heard(std::vector<event> const& events, output_limits of = narrow) : limits(of) {
        for (auto one : events) {
            collector.take(std::move(one));
        }
        collector.close();
    }

    rendered_outputs replayed_outputs() const {
        outputs again(no_limits);
        replayed told;
        replay(log->records(), again, told);
        return again.render();
    }

    output_limits limits;
    fake_host host;
    service_stage stage{host};
    std::shared_ptr<event_log> log =
        std::make_shared<event_log>(stage.context, execution_id::make());
    event_collector collector{limits, log};
};

bool told_by_log(std::vector<event> const& events, output_limits limits = narrow) {
    heard h(events, limits);
    bool const told = h.collector.log_tells_all();
    auto const again = h.replayed_outputs();
    auto const now = h.collector.collected().render();
    if (told) {
        CHECK(again.outputs_json == now.outputs_json);
        CHECK(again.stdout_text == now.stdout_text);
        CHECK(again.stderr_text == now.stderr_text);
        CHECK(again.result == now.result);
        CHECK(again.truncated == now.truncated);
    }
    return told;
}

std::string const half(50, 'x');
std::string const flood(300, 'x');

}  // namespace

TEST_CASE("a log that is whole tells all outputs", "[service][events]") {
    CHECK(told_by_log({}));
    CHECK(told_by_log({print("a"), warn("b"), show("c"), fails("d")}));
    CHECK(told_by_log({print(half), kernelproto::output_cleared{false}, print("a")}));
    CHECK(told_by_log({show("c", "id"), print("a"), update("d", "id")}));
}

TEST_CASE("so does one of text that is cut", "[service][events]") {
    CHECK(told_by_log({print(flood)}));
    CHECK(told_by_log({print(flood), print("end")}));
    CHECK(told_by_log({print(half), warn(flood), print("end")}));
    CHECK(told_by_log({print("a"), kernelproto::output_discarded{1000}, print("end")}));
}

TEST_CASE("a log that is cut elsewhere than the outputs does not", "[service][events]") {
    CHECK_FALSE(told_by_log({print(half), kernelproto::output_cleared{false}, print(flood)}));
    CHECK_FALSE(told_by_log({print(flood), kernelproto::output_cleared{false}, print("a")}));
    CHECK_FALSE(told_by_log({show("c", "id"), update("d", "id"), print(flood)}));
    CHECK_FALSE(told_by_log({print(flood), fails("d")}));
    CHECK_FALSE(told_by_log({print("a"), print("b"), print("c"), print("d"), print("e"), print("f"),
                             print("g"), print("h"), print("i")}));
}

TEST_CASE("whatever is put out, a log that says so tells it", "[service][events]") {
    std::mt19937 random{20261128};
    auto const below = [&random](unsigned n) {
        return static_cast<unsigned>(random() % n);
    };
    unsigned told = 0;
    unsigned cut = 0;
    for (int run = 0; run < 1000; ++run) {
        std::vector<event> events;
        bool const mixed = run % 2 == 0;
        for (auto left = below(8); left > 0; --left) {
            std::string const text(below(60), static_cast<char>('a' + below(26)));
            auto const id = below(2) == 0 ? std::optional<std::string>("id") : std::nullopt;
            switch (mixed ? below(8) : below(3)) {
                case 0:
                    events.push_back(print(text));
                    break;
                case 1:
                    events.push_back(warn(text + "\u20ac\u20ac"));
                    break;
                case 2:
                    events.emplace_back(kernelproto::output_discarded{below(2)});
                    break;
                case 3:
                    events.push_back(show(text, id));
                    break;
                case 4:
                    events.push_back(update(text, "id"));
                    break;
                case 5:
                    events.emplace_back(kernelproto::output_cleared{below(2) == 0});
                    break;
                case 6:
                    events.push_back(fails(text));
                    break;
                default:
                    events.push_back(print("\r" + text));
            }
        }
        CAPTURE(run);
        (void)told_by_log(events, uneven);
        bool const all = told_by_log(events);
        told += all ? 1 : 0;
        cut += all && heard(events).replayed_outputs().truncated ? 1 : 0;
    }
    CHECK(told > 200);
    CHECK(cut > 100);
}
