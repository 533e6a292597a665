// SPDX-License-Identifier: Apache-2.0
#include "broker/client/verdict_text.hpp"

#include "tests/support/catch.hpp"

using namespace broker::client;

namespace {

std::string verdict(char const* text) { return verdict_text(*parse_json(text)); }
int status(char const* text) { return exit_status_of(*parse_json(text)); }

}  // namespace

TEST_CASE("only an end out of the ordinary has a sentence", "[client][verdict]") {
    CHECK(verdict(R"({"outcome":"ok"})").empty());
    CHECK(verdict(R"({"outcome":"error"})").empty());
    CHECK(verdict(R"({"outcome":"timeout","variables_kept":true})") ==
          "the time limit was reached; variables are kept");
    CHECK(verdict(R"({"outcome":"interrupted"})") == "interrupted; variables are gone");
    CHECK(verdict(R"({"outcome":"cancelled"})") == "cancelled before it ran to its end");
    CHECK(verdict(R"({"outcome":"died","death":{"kind":"oom","detail":"512 MiB"}})") ==
          "the kernel died (oom): 512 MiB; variables are gone");
    CHECK(verdict(R"({"outcome":"died","death":null})") == "the kernel died; variables are gone");
    CHECK(verdict("{}") == "how the code ended is not known");
}

TEST_CASE("a session that had lost something has a sentence", "[client][verdict]") {
    CHECK(state_text(*parse_json(R"({"session_state":"kept"})")).empty());
    CHECK(state_text(*parse_json(R"({"session_state":"restarted","state_reason":"oom"})")) ==
          "the session had a new kernel (oom): earlier variables were gone");
    CHECK(state_text(*parse_json(R"({"session_state":"lost","state_reason":null})")) ==
          "the session was new: earlier variables and files were gone");
}

TEST_CASE("the status is the code's, or says that there is none", "[client][verdict]") {
    CHECK(status(R"({"outcome":"ok","exit_code":0})") == 0);
    CHECK(status(R"({"outcome":"died","exit_code":255})") == 255);
    CHECK(status(R"({"outcome":"unknown","exit_code":0})") == 125);
    CHECK(status(R"({"outcome":"ok","exit_code":256})") == 125);
    CHECK(status(R"({"outcome":"ok","exit_code":-1})") == 125);
    CHECK(status(R"({"outcome":"ok","exit_code":"0"})") == 125);
    CHECK(status("[]") == 125);
}
