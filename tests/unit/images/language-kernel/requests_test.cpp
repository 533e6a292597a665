// SPDX-License-Identifier: Apache-2.0
#include "images/language-kernel/requests.hpp"

#include "tests/support/catch.hpp"

using namespace language_kernel;
using kernelproto::frame;

namespace {

execute_request read(std::string content, std::string metadata = "{}") {
    kernelproto::message from;
    from.content = frame{std::move(content)};
    from.metadata = frame{std::move(metadata)};
    return read_execute_request(from);
}

using words = std::vector<std::string>;

}  // namespace

TEST_CASE("an execute_request is read with Jupyter's defaults", "[language-kernel][requests]") {
    auto const plain = read(R"({"code":"ls"})");
    CHECK(plain.code == "ls");
    CHECK(plain.refused.empty());
    CHECK_FALSE(plain.silent);
    CHECK(plain.store_history);
    CHECK_FALSE(plain.allow_stdin);
    CHECK(plain.stop_on_error);
    auto const silent = read(R"({"code":"ls","silent":true,"store_history":true})");
    CHECK(silent.silent);
    CHECK_FALSE(silent.store_history);
}

TEST_CASE("arguments come with the content or the metadata", "[language-kernel][requests]") {
    CHECK(read(R"({"code":"","argv":["a","b c"]})").argv == words{"a", "b c"});
    CHECK(read(R"({"code":""})", R"({"argv":["m"]})").argv == words{"m"});
    CHECK(read(R"({"code":"","argv":["a"]})", R"({"argv":["m"]})").argv == words{"a"});
    CHECK(read(R"({"code":"","argv":null})").refused.empty());
}

TEST_CASE("what can not be run is refused with a reason", "[language-kernel][requests]") {
    CHECK_FALSE(read("[]").refused.empty());
    CHECK_FALSE(read("{}").refused.empty());
    CHECK_FALSE(read(R"({"code":1})").refused.empty());
    CHECK_FALSE(read(R"({"code":"","argv":[1]})").refused.empty());
    CHECK_FALSE(read(R"({"code":"","argv":["a\u0000b"]})").refused.empty());
    CHECK_FALSE(read(R"({"code":"","argv":[")" + std::string(max_argument_bytes + 1, 'a') + "\"]}")
                    .refused.empty());
    CHECK_FALSE(
        read(R"({"code":")" + std::string(max_code_bytes + 1, 'a') + "\"}").refused.empty());
    std::string many = R"({"code":"","argv":[)";
    for (std::size_t i = 0; i <= max_arguments; ++i) {
        many += i == 0 ? "\"\"" : ",\"\"";
    }
    CHECK_FALSE(read(many + "]}").refused.empty());
}

TEST_CASE("small requests are read, and bad ones by their defaults",
          "[language-kernel][requests]") {
    CHECK(read_cursor_pos(frame{R"({"cursor_pos":4})"}) == 4);
    CHECK(read_cursor_pos(frame{"x"}) == 0);
    CHECK(read_restart(frame{R"({"restart":true})"}));
    CHECK_FALSE(read_restart(frame{"{}"}));
    CHECK(read_input_value(frame{R"({"value":"v"})"}) == "v");
    CHECK(read_input_value(frame{"{}"}).empty());
}
