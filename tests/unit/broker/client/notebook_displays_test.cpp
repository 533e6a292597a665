// SPDX-License-Identifier: Apache-2.0
#include "broker/client/notebook_displays.hpp"

#include "tests/support/catch.hpp"

#include <fmt/format.h>

using namespace broker::client;

namespace {

/// Events in short: "out", "err", "error", "clear", "wait", "=id" a display, ">id" its update.
void play(notebook_displays& to, std::vector<std::string> const& events) {
    for (auto const& one : events) {
        auto const id = one.substr(1);
        auto const shown = *parse_json(fmt::format(
            R"({{"data":{{"text/plain":"{}"}},"metadata":{{}},"display_id":"{}"}})", one, id));
        if (one == "out" || one == "err") {
            to.hear("std" + one, *parse_json(R"({"text":"x"})"));
        } else if (one == "clear" || one == "wait") {
            to.hear("clear_output", *parse_json(one == "wait" ? R"({"wait":true})" : "{}"));
        } else if (one == "error") {
            to.hear("error", *parse_json("{}"));
        } else {
            to.hear(one[0] == '=' ? "display_data" : "update_display_data", shown);
        }
    }
}

/// "cell.output" of what is updated.
std::vector<std::string> places(std::vector<notebook_displays::update> const& updates) {
    std::vector<std::string> all;
    for (auto const& one : updates) {
        all.push_back(fmt::format("{}.{}", one.cell, one.output));
    }
    return all;
}

using names = std::vector<std::string>;

}  // namespace

TEST_CASE("an update changes every display of its id in earlier cells", "[client][notebook]") {
    notebook_displays displays;
    play(displays, {"out", "out", "=a", "err", "=", "=b", "=a"});
    CHECK(displays.end_cell(0, 6).empty());
    play(displays, {"out", ">a", ">unknown", "=a"});
    auto const made = displays.end_cell(1, 2);
    CHECK(places(made) == names{"0.1", "0.5"});
    CHECK(text_of(*member(made[0].shown, "data"), "text/plain") == "=a");  // the latest of two
    play(displays, {">a", ">b"});
    CHECK(places(displays.end_cell(2, 0)) == names{"0.1", "0.5", "1.1", "0.4"});
    CHECK(displays.end_cell(3, 0).empty());
}

TEST_CASE("what a cell clears is no place of a display", "[client][notebook]") {
    notebook_displays displays;
    play(displays, {"out", "=a", "clear", "=b", "wait", ">b"});
    CHECK(displays.end_cell(0, 1).empty());
    play(displays, {"out", "=c", "wait", "error", "=d", "wait"});
    CHECK(displays.end_cell(1, 2).empty());
    play(displays, {">a", ">b", ">c", ">d"});
    CHECK(places(displays.end_cell(2, 0)) == names{"0.0", "1.1"});
}

TEST_CASE("where outputs were left out no place is known", "[client][notebook]") {
    notebook_displays displays;
    play(displays, {"out", "=a"});
    CHECK(displays.end_cell(0, 3).empty());
    play(displays, {">a"});
    CHECK(displays.end_cell(1, 0).empty());
}
