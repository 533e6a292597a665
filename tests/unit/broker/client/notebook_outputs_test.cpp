// SPDX-License-Identifier: Apache-2.0
#include "broker/client/notebook_outputs.hpp"

#include "tests/support/catch.hpp"

using namespace broker::client;

namespace {

std::string outputs(std::string_view execution) {
    return to_text(notebook_outputs(*parse_json(execution)));
}

std::string data(std::string_view bundle) {
    return outputs(R"({"outputs":[{"type":"display_data","data":)" + std::string(bundle) + "}]}");
}

std::string shown(std::string_view bundle) {
    return R"([{"data":)" + std::string(bundle) +
           R"(,"metadata":{},"output_type":"display_data"}])";
}

}  // namespace

TEST_CASE("each kind of output has the members of nbformat 4", "[client][notebook]") {
    CHECK(outputs(R"({"outputs":[{"type":"stream","name":"stderr","text":"a\nb"}]})") ==
          R"([{"name":"stderr","output_type":"stream","text":["a\n","b"]}])");
    CHECK(outputs(R"({"outputs":[{"type":"execute_result","data":{"text/plain":"1"},
                                  "metadata":{"k":1},"execution_count":3}]})") ==
          R"([{"data":{"text/plain":["1"]},"execution_count":3,"metadata":{"k":1},)"
          R"("output_type":"execute_result"}])");
    CHECK(outputs(
              R"({"outputs":[{"type":"error","ename":"E","evalue":"v","traceback":["a\n",1]}]})") ==
          R"([{"ename":"E","evalue":"v","output_type":"error","traceback":["a\n"]}])");
}

TEST_CASE("JSON stays JSON, text becomes lines, base64 stays as it came", "[client][notebook]") {
    CHECK(data(R"({"application/json":{"a":[1]}})") == shown(R"({"application/json":{"a":[1]}})"));
    CHECK(data(R"({"application/geo+json":"x\ny"})") ==
          shown(R"({"application/geo+json":"x\ny"})"));
    CHECK(data(R"({"application/jsonx":"x\ny"})") == shown(R"({"application/jsonx":"x\ny"})"));
    CHECK(data(R"({"text/html":"<b>\n</b>"})") == shown(R"({"text/html":["<b>\n","</b>"]})"));
    CHECK(data(R"({"image/svg+xml":"<svg>\n"})") == shown(R"({"image/svg+xml":["<svg>\n"]})"));
    CHECK(data(R"({"image/png":"iVBO\nRw0K\n"})") == shown(R"({"image/png":"iVBO\nRw0K\n"})"));
    CHECK(data(R"({"text/plain":{"not":"text"}})") ==
          shown(R"({"text/plain":["{\"not\":\"text\"}"]})"));
}

TEST_CASE("an error that only the reply told of is no output", "[client][notebook]") {
    CHECK(outputs(R"({"outputs":[{"type":"error","ename":"ExceptionGroup","evalue":"v",
                                  "traceback":[]}]})") == "[]");
}

TEST_CASE("a display can show other data, and nothing else can", "[client][notebook]") {
    auto made = notebook_outputs(*parse_json(R"({"outputs":[
        {"type":"execute_result","data":{"text/plain":"1"},"execution_count":3},
        {"type":"stream","name":"stdout","text":"x"}]})"));
    auto const shown = *parse_json(R"({"data":{"text/html":"a\nb"},"metadata":{"k":1}})");
    auto const stream = made[1];
    show_instead(made[0], shown);
    show_instead(made[1], shown);
    CHECK(to_text(made[0]) ==
          R"({"data":{"text/html":["a\n","b"]},"execution_count":3,"metadata":{"k":1},)"
          R"("output_type":"execute_result"})");
    CHECK(made[1] == stream);
}

TEST_CASE("what is no output is left out, and what lacks a member gets an empty one",
          "[client][notebook]") {
    CHECK(outputs("{}") == "[]");
    CHECK(outputs(R"({"outputs":{"a":1}})") == "[]");
    CHECK(outputs(R"({"outputs":[1,{},{"type":"other"},null]})") == "[]");
    CHECK(outputs(R"({"outputs":[{"type":"error","traceback":[7]}]})") ==
          R"([{"ename":"","evalue":"","output_type":"error","traceback":[]}])");
    CHECK(outputs(R"({"outputs":[{"type":"execute_result","metadata":[]}]})") ==
          R"([{"data":{},"execution_count":null,"metadata":{},"output_type":"execute_result"}])");
}
