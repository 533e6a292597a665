// SPDX-License-Identifier: Apache-2.0
#include "http/librechat/exec_answer.hpp"

#include "tests/support/catch.hpp"

#include <nlohmann/json.hpp>

using namespace broker;
using namespace http::librechat;
using json = nlohmann::json;

namespace {

file_version version(std::string id, std::string path, bool read_only = false) {
    file_version one;
    one.id = file_version_id(std::move(id));
    one.session = session_id("before");
    one.path = std::move(path);
    one.content = content_key{};
    one.read_only = read_only;
    return one;
}

file_change change(std::string path, file_change::kind what, std::string id = "new") {
    file_change one{.path = std::move(path), .what = what};
    if (what != file_change::kind::deleted && !id.empty()) {
        one.version = file_version_id(std::move(id));
    }
    return one;
}

exec_result result_with(std::vector<placed_input> inputs, std::vector<file_change> files) {
    exec_result out;
    out.session = session_id("mine");
    out.ended.exit_code = 0;
    out.ended.what = outcome::ok;
    out.ended.files = std::move(files);
    out.inputs = std::move(inputs);
    return out;
}

json rendered(exec_result const& of) { return json::parse(render_exec(of)); }

using kind = file_change::kind;

}  // namespace

TEST_CASE("each input is inherited, changed or deleted", "[librechat]") {
    auto const of = result_with(
        {{version("i", "kept"), "kept"}, {version("m", "f"), "f"}, {version("d", "g"), "g"}},
        {change("f", kind::modified, "f2"), change("g", kind::deleted),
         change("h", kind::created, "h1")});
    auto const got = rendered(of);
    REQUIRE(got["files"].size() == 3);
    CHECK(got["files"][0] ==
          json{{"id", "f2"},
               {"name", "f"},
               {"storage_session_id", "mine"},
               {"session_id", "mine"},
               {"modified_from", {{"id", "m"}, {"storage_session_id", "before"}}}});
    CHECK(got["files"][1]["id"] == "h1");
    CHECK(got["files"][2] == json{{"id", "i"},
                                  {"name", "kept"},
                                  {"storage_session_id", "before"},
                                  {"session_id", "before"},
                                  {"inherited", true}});
    CHECK(got["deleted_files"] == json{"g"});
    CHECK(got["stderr"] == "");
}

TEST_CASE("who does not know inherited files is not told of any", "[librechat]") {
    auto of = result_with({{version("i", "kept"), "kept"}, {version("m", "f"), "f"}},
                          {change("f", kind::modified, "f2")});
    of.knows_inherited = false;
    auto const got = rendered(of);
    REQUIRE(got["files"].size() == 1);
    CHECK_FALSE(got["files"][0].contains("modified_from"));
}

TEST_CASE("a read-only input is inherited whatever was made of it", "[librechat]") {
    for (auto const what : {kind::modified, kind::deleted}) {
        auto const got =
            rendered(result_with({{version("i", "s", true), "s"}}, {change("s", what, "s2")}));
        REQUIRE(got["files"].size() == 1);
        CHECK(got["files"][0]["id"] == "i");
        CHECK(got["files"][0]["inherited"] == true);
        CHECK(got["deleted_files"].empty());
    }
}

TEST_CASE("what only the run made and removed is told to nobody", "[librechat]") {
    auto const got = rendered(result_with({}, {change("t", kind::deleted)}));
    CHECK(got["files"].empty());
    CHECK(got["deleted_files"].empty());
}

TEST_CASE("files that are not returned are told", "[librechat]") {
    auto of = result_with(
        {}, {change("a", kind::created), change("b", kind::created), change("c", kind::created, ""),
             change(".cache/x/y", kind::created), change("__pycache__/m.pyc", kind::created),
             change(".env", kind::created)});
    of.max_files = 1;
    auto const got = rendered(of);
    CHECK(got["files"].size() == 1);
    auto const told = got["stderr"].get<std::string>();
    CHECK(told.find("not returned: b, .env.") != std::string::npos);
    CHECK(told.find("Not kept: c; it could not be stored.\n") != std::string::npos);
    CHECK(told.find("cache") == std::string::npos);
}

TEST_CASE("files that were not kept are told by reason", "[librechat]") {
    std::vector<file_change> files;
    for (auto const* path : {"a", "b", "c"}) {
        files.push_back(change(path, kind::created, ""));
        files.back().not_kept = *path == 'b' ? "there is no room" : "it was being written";
    }
    files.push_back(change(".cache/x", kind::created, ""));
    CHECK(rendered(result_with({}, std::move(files)))["stderr"] ==
          "Not kept: a, c; it was being written.\nNot kept: b; there is no room.\n");
}

TEST_CASE("ends have the official words", "[librechat]") {
    auto of = result_with({}, {});
    CHECK(rendered(of)["status"].is_null());
    of.ended.output.truncated = true;
    of.ended.output.dropped_bytes = 7;
    CHECK(rendered(of)["status"] == "OL");
    CHECK(rendered(of)["stderr"].get<std::string>().find("7 bytes") != std::string::npos);
    of.ended.died_of = death{};
    CHECK(rendered(of)["status"] == "SG");
    of.ended.what = outcome::timeout;
    CHECK(rendered(of)["status"] == "TO");
}

TEST_CASE("a live session is told with its kernel", "[librechat]") {
    auto of = result_with({}, {});
    CHECK_FALSE(rendered(of).contains("runtime_session_id"));
    of.runtime_session_id = "r";
    CHECK(rendered(of)["runtime_status"] == "new");
    of.ended.started_on = session_state::kept;
    CHECK(rendered(of)["runtime_status"] == "reused");
}

TEST_CASE("notes stand on lines of their own", "[librechat]") {
    auto of = result_with({}, {});
    of.ended.plain_stderr = "from the program";
    of.notes = {"one", "two"};
    CHECK(rendered(of)["stderr"] == "from the program\none\ntwo\n");
}

TEST_CASE("a run that nothing follows says nothing of variables and shells", "[librechat]") {
    auto of = result_with({}, {});
    auto const said = [&of](std::string text) {
        of.ended.plain_stderr = std::move(text);
        return rendered(of)["stderr"].get<std::string>();
    };
    std::string const shell =
        "[the shell has ended; the next cell begins in a new one: variables, functions, options "
        "and the working directory are gone]\n";
    CHECK(said(shell) == "");
    CHECK(said("printed" + shell) == "printed");
    CHECK(said("printed\n" + shell + "kernel-broker: ended by SIGSEGV (11)\n") ==
          "printed\nkernel-broker: ended by SIGSEGV (11)\n");
    CHECK(said("a; the variables are mine\n") == "a; the variables are mine\n");
    CHECK(said("kernel-broker: the time limit of 1 s was reached; the variables were kept\n") ==
          "kernel-broker: the time limit of 1 s was reached\n");
    CHECK(said("x; y\nkernel-broker: the time limit of 1 s was reached; the kernel had to be ended "
               "and the variables are gone") ==
          "x; y\nkernel-broker: the time limit of 1 s was reached");
    CHECK(said("x; the variables \nkernel-broker: no") == "x; the variables \nkernel-broker: no");
    of.runtime_session_id = "r";
    CHECK(said(shell) == shell);
}

TEST_CASE("long text keeps its beginning and its end, cut at characters", "[librechat]") {
    CHECK(head_and_tail("abc", 3) == "abc");
    CHECK(head_and_tail("abcdefgh", 4) == "ab\n[... 4 bytes left out ...]\ngh");
    CHECK(head_and_tail("aéééa", 4) == "a\n[... 6 bytes left out ...]\na");
}
