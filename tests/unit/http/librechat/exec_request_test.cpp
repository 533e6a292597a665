// SPDX-License-Identifier: Apache-2.0
#include "http/librechat/exec_request.hpp"

#include "http/librechat/languages.hpp"
#include "tests/support/catch.hpp"

using namespace http;
using namespace http::librechat;

namespace {

broker::result<exec_request> read(std::string_view body) {
    auto const parsed = parse_json_request(body);
    REQUIRE(parsed);
    return read_exec(*parsed);
}

}  // namespace

TEST_CASE("a request of today is read", "[librechat]") {
    auto const got = read(R"({"lang":"bash","code":"ls","args":["one","two"],"files":[
        {"id":"aaaaaaaaaaaaaaaaaaaa1","resource_id":"r","storage_session_id":"s1","name":"in/a.csv",
         "kind":"skill","version":7}],"runtime_session_hint":"v2:user:0","timeout":15000,
        "intent":{"deep":[1]},"foo":1})");
    REQUIRE(got);
    CHECK(got->language == "bash");
    CHECK(got->code == "ls");
    CHECK(got->args == std::vector<std::string>{"one", "two"});
    REQUIRE(got->files.size() == 1);
    CHECK(got->files[0].id == "aaaaaaaaaaaaaaaaaaaa1");
    CHECK(got->files[0].name == "in/a.csv");
    CHECK(got->knows_inherited);
    CHECK(got->runtime_session_hint == "v2:user:0");
    CHECK(got->timeout_s == 15.0);
}

TEST_CASE("older clients are known by their references", "[librechat]") {
    CHECK_FALSE(read(R"({"lang":"py","code":"1","files":[{"id":"a","name":"n","session_id":"s"}]})")
                    ->knows_inherited);
    CHECK_FALSE(read(R"({"lang":"py","code":"1","files":[
        {"id":"a","name":"n","storage_session_id":"s"},{"id":"b","name":"m","session_id":"s"}]})")
                    ->knows_inherited);
    CHECK(read(R"({"lang":"py","code":"1","files":null,"args":null})")->knows_inherited);
}

TEST_CASE("what other clients write differently is understood", "[librechat]") {
    auto const got = read(R"({"language":"JavaScript","code":"1","args":"a b",
        "files":[{"fileId":"f","filename":"n"}]})");
    REQUIRE(got);
    CHECK(got->language == "js");
    CHECK(got->args == std::vector<std::string>{"a b"});
    CHECK(got->files.at(0).id == "f");
    CHECK(got->files.at(0).name == "n");
}

TEST_CASE("a request that names no program is refused, with what was wrong", "[librechat]") {
    auto const why = [](std::string_view body) {
        auto const got = read(body);
        REQUIRE_FALSE(got);
        return got.error().detail;
    };
    CHECK(why(R"({"lang":"zz","code":"1"})") == "Unsupported language: zz");
    CHECK(why(R"({"lang":"py"})").find("\"code\"") != std::string::npos);
    CHECK(why(R"({"lang":"py","code":""})").find("empty") != std::string::npos);
    CHECK(why(R"({"lang":"py","code":"1","args":[1]})").find("args.0") != std::string::npos);
    CHECK(why(R"({"lang":"py","code":"1","files":[1]})").find("files.0") != std::string::npos);
    CHECK(why(R"({"lang":"py","code":"1","args":["a\u0000b"]})").find("zero") != std::string::npos);
    CHECK(read(R"({"lang":"py","code":"1","files":[{"id":null,"name":5}]})")->files.size() == 1);
    CHECK(why(R"({"lang":"py","code":"1","timeout":0})").find("\"timeout\"") != std::string::npos);
}

TEST_CASE("only hints of LibreChat's form name a session", "[librechat]") {
    CHECK(is_runtime_hint("v2:user:0123456789abcdef0123456789abcdef"));
    CHECK(is_runtime_hint("v2:agent-user:0123456789abcdef0123456789abcdef"));
    CHECK(is_runtime_hint("v3:0123456789ab:conversation"));
    for (auto const* made_up :
         {"", "main", "v2", "v2:user:", "v2:user:0123", "v2:user:zzzzzzzzzzzzzzzz",
          "x2:user:0123456789abcdef", "v2:user:0123456789abcdef/..", "v2:us er:0123456789abcdef"}) {
        CHECK_FALSE(is_runtime_hint(made_up));
    }
    CHECK_FALSE(is_runtime_hint("v2:user:" + std::string(200, 'a')));
}

TEST_CASE("every language of the contract has its spellings and its kernels", "[librechat]") {
    for (auto const* name :
         {"py", "js", "ts", "c", "cpp", "java", "php", "rs", "go", "d", "f90", "r", "bash"}) {
        CHECK(canonical_language(name) == name);
    }
    CHECK(canonical_language("Python") == "py");
    CHECK(canonical_language("C++") == "cpp");
    CHECK(canonical_language("sh") == "bash");
    CHECK_FALSE(canonical_language(""));
    CHECK_FALSE(canonical_language("cobol"));
    CHECK(kernels_for("bash", true) == std::vector<std::string>{"bash"});
    CHECK(kernels_for("py", false) == std::vector<std::string>{"py", "python"});
    CHECK(kernels_for("py", true) == std::vector<std::string>{"python"});
}
