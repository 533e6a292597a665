// SPDX-License-Identifier: Apache-2.0
#include "broker/client/notebook.hpp"

#include "tests/support/catch.hpp"

using namespace broker::client;
using Catch::Matchers::ContainsSubstring;

namespace {

notebook parsed(std::string const& cells, std::string const& rest = R"("nbformat_minor":5)") {
    auto made = notebook::parse(R"({"nbformat":4,)" + rest + R"(,"cells":[)" + cells + "]}");
    REQUIRE(made);
    return *std::move(made);
}

std::string refused(std::string_view text) {
    auto const made = notebook::parse(text);
    REQUIRE_FALSE(made);
    return made.error().detail;
}

json written(notebook const& of) { return *parse_json(of.text()); }

}  // namespace

TEST_CASE("what is no notebook of nbformat 4 is refused by what is wrong", "[client][notebook]") {
    CHECK_THAT(refused("{"), ContainsSubstring("not JSON"));
    CHECK_THAT(refused("7"), ContainsSubstring("not an object"));
    CHECK_THAT(refused("{}"), ContainsSubstring("no nbformat"));
    CHECK_THAT(refused(R"({"nbformat":3,"worksheets":[]})"), ContainsSubstring("nbconvert"));
    CHECK_THAT(refused(R"({"nbformat":5})"), ContainsSubstring("nbformat 5, and 4"));
    CHECK_THAT(refused(R"({"nbformat":4})"), ContainsSubstring("list of cells"));
    for (auto const* cell :
         {"1", "{}", R"({"cell_type":"code"})", R"({"cell_type":"code","source":1})",
          R"({"cell_type":"code","source":["a",1]})"}) {
        CAPTURE(cell);
        CHECK_THAT(refused(R"({"nbformat":4,"cells":[)" + std::string(cell) + "]}"),
                   ContainsSubstring("cell 1"));
    }
}

TEST_CASE("code cells are run, except empty ones and those tagged to be skipped",
          "[client][notebook]") {
    auto const made = parsed(R"({"cell_type":"markdown","source":"m"},
        {"cell_type":"code","source":["a\n","b"]},
        {"cell_type":"code","source":" \n\t","outputs":[1],"execution_count":3},
        {"cell_type":"code","source":"s","metadata":{"tags":["skip-execution"]},"outputs":[1]},
        {"cell_type":"code","source":"c","metadata":{"tags":["x","raises-exception"]}})");
    CHECK(made.to_run() == std::vector<std::size_t>{1, 4});
    CHECK(made.source(1) == "a\nb");
    CHECK(made.source(4) == "c");
    CHECK_FALSE(made.may_raise(1));
    CHECK(made.may_raise(4));
    auto const cells = written(made)["cells"];
    CHECK(to_text(cells[2]["outputs"]) == "[]");
    CHECK(cells[2]["execution_count"].is_null());
    CHECK(to_text(cells[3]["outputs"]) == "[1]");
    CHECK_FALSE(cells[0].contains("outputs"));
}

TEST_CASE("cells get ids where they have none that nbformat 4.5 takes", "[client][notebook]") {
    auto const made = parsed(R"({"cell_type":"raw","source":"","id":"kept-1"},
        {"cell_type":"raw","source":"","id":"kept-1"},
        {"cell_type":"raw","source":"","id":"not one"},
        {"cell_type":"raw","source":""})",
                             R"("nbformat_minor":2)");
    auto const out = written(made);
    CHECK(out["nbformat_minor"] == 5);
    CHECK(out["cells"][0]["id"] == "kept-1");
    for (std::size_t place = 1; place < 4; ++place) {
        CHECK(text_of(out["cells"][place], "id").size() == 21);
    }
    CHECK(written(parsed("", R"("nbformat_minor":7)"))["nbformat_minor"] == 7);
}

TEST_CASE("what is not known stays, in its order, in the layout of nbformat",
          "[client][notebook]") {
    auto const made = notebook::parse(
        "\xEF\xBB\xBF"
        R"({"zeta":{"b":1,"a":[1.0,2e3]},"cells":[],"nbformat":4,"nbformat_minor":5,"alpha":"ä"})");
    REQUIRE(made);
    CHECK(
        made->text() ==
        "{\n \"zeta\": {\n  \"b\": 1,\n  \"a\": [\n   1.0,\n   2000.0\n  ]\n },\n \"cells\": [],\n"
        " \"nbformat\": 4,\n \"nbformat_minor\": 5,\n \"alpha\": \"ä\"\n}\n");
}

TEST_CASE("an execution gives a cell its count and its outputs", "[client][notebook]") {
    auto made = parsed(R"({"cell_type":"code","source":"a","id":"a"})");
    made.take_outputs(0, *parse_json(R"({"execution_count":4,"outputs":[
        {"type":"stream","name":"stdout","text":"x"}]})"));
    CHECK(to_text(written(made)["cells"][0]) ==
          R"({"cell_type":"code","source":"a","id":"a","execution_count":4,)"
          R"("outputs":[{"name":"stdout","output_type":"stream","text":["x"]}]})");
    made.take_outputs(0, *parse_json("[]"));
    CHECK(written(made)["cells"][0]["execution_count"].is_null());
}

TEST_CASE("a later cell's update reaches the display of an earlier one", "[client][notebook]") {
    auto made = parsed(R"({"cell_type":"code","source":"a","id":"a"},
                          {"cell_type":"code","source":"b","id":"b"})");
    auto const one = *parse_json(R"({"display_id":"x","data":{"text/plain":"1"},"metadata":{}})");
    auto const two =
        *parse_json(R"({"display_id":"x","data":{"text/plain":"2"},"metadata":{"k":1}})");
    made.hear("display_data", one);
    made.take_outputs(0, *parse_json(R"({"execution_count":1,"outputs":[
        {"type":"display_data","data":{"text/plain":"1"},"metadata":{}}]})"));
    made.hear("update_display_data", two);
    made.take_outputs(1, *parse_json(R"({"execution_count":2,"outputs":[]})"));
    CHECK(to_text(written(made)["cells"][0]["outputs"]) ==
          R"([{"data":{"text/plain":["2"]},"metadata":{"k":1},"output_type":"display_data"}])");
    CHECK(written(made)["cells"][1]["outputs"].empty());
}

TEST_CASE("the language is what the notebook says it is", "[client][notebook]") {
    CHECK(parsed("").language().empty());
    CHECK(parsed("", R"("metadata":{"language_info":{"name":"Python"}})").language() == "python");
    CHECK(parsed("", R"("metadata":{"kernelspec":{"language":"R"}})").language() == "r");
    CHECK(parsed("", R"("metadata":{"kernelspec":7,"language_info":[]})").language().empty());
}
