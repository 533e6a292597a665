// SPDX-License-Identifier: Apache-2.0
#include "broker/daemon/commands.hpp"

#include "broker/daemon/config_load.hpp"
#include "tests/support/catch.hpp"
#include "tests/support/signing_key.hpp"
#include "tests/support/temporary_directory.hpp"

#include <filesystem>
#include <fstream>
#include <sstream>

using broker::exit_code;
using broker::named_texts;
using Catch::Matchers::ContainsSubstring;

namespace {

struct outcome {
    exit_code code = exit_code::ok;
    std::string out;
    std::string err;
    int served = 0;
};

/// A program in a state directory of its own.
struct program {
    test::temporary_directory place;
    named_texts environment;

    std::string state() const { return place / "state"; }

    outcome run(std::vector<std::string> arguments) {
        arguments.insert(arguments.end(), {"--config", "/dev/null", "--state-dir", state()});
        return run_as_is(arguments);
    }

    outcome run_as_is(std::vector<std::string> const& arguments) {
        outcome result;
        std::ostringstream out;
        std::ostringstream err;
        broker::command_context const context{
            environment, out, err, false, false, [&](broker::settings const&) {
                ++result.served;
                return exit_code::ok;
            }};
        auto const parsed = broker::parse_command_line(arguments);
        REQUIRE(std::holds_alternative<broker::command_line>(parsed));
        result.code = run_command(std::get<broker::command_line>(parsed), context);
        result.out = out.str();
        result.err = err.str();
        return result;
    }
};

}  // namespace

TEST_CASE("a refused configuration ends every command before it acts", "[daemon][commands]") {
    program p;
    for (std::vector<std::string> const& words : {std::vector<std::string>{"serve"},
                                                  {"doctor"},
                                                  {"keys", "add", "x"},
                                                  {"keys", "list"},
                                                  {"image", "list"}}) {
        auto arguments = words;
        arguments.insert(arguments.end(), {"--set", "pids=1"});
        auto const got = p.run(arguments);
        CHECK(got.code == exit_code::configuration);
        CHECK_THAT(got.err, ContainsSubstring("flag pids: pids is \"1\""));
        CHECK(got.out.empty());
        CHECK(got.served == 0);
    }
    CHECK(p.run({"check-config", "--set", "pids=1"}).code == exit_code::failed);
    CHECK_FALSE(std::filesystem::exists(p.state()));
}

TEST_CASE("others are served only after a key was made", "[daemon][commands]") {
    program p;
    std::vector<std::string> const open{"serve", "--listen", "0.0.0.0:8000"};
    auto const refused = p.run(open);
    CHECK(refused.code == exit_code::configuration);
    CHECK(refused.served == 0);
    CHECK_THAT(refused.err, ContainsSubstring("kernel-broker keys add"));
    CHECK(p.run({"check-config", "--listen", "0.0.0.0:8000"}).code == exit_code::failed);

    CHECK(p.run({"serve"}).served == 1);
    CHECK(p.run({"serve", "--listen", "0.0.0.0:8000", "--set", "trusted_networks=10.0.0.0/8"})
              .served == 1);

    REQUIRE(p.run({"keys", "add", "alice"}).code == exit_code::ok);
    CHECK(p.run(open).served == 1);
    CHECK(p.run({"check-config", "--listen", "0.0.0.0:8000"}).code == exit_code::ok);
    REQUIRE(p.run({"keys", "revoke", "alice"}).code == exit_code::ok);
    CHECK(p.run(open).served == 0);
}

TEST_CASE("a broken file of token keys refuses to serve and says why", "[daemon][commands]") {
    program p;
    auto const file = p.place / "chat.pem";
    auto const set = "jwt_key_files=" + file;
    for (auto const& words :
         {std::vector<std::string>{"serve", "--set", set}, {"check-config", "--set", set}}) {
        auto const absent = p.run(words);
        CHECK(absent.code != exit_code::ok);
        CHECK(absent.served == 0);
        CHECK_THAT(absent.err, ContainsSubstring("jwt_key_files: " + file + ": it cannot be read"));
    }
    std::ofstream{file} << test::signing_key::ed25519().private_pem();
    auto const secret = p.run({"serve", "--set", set});
    CHECK(secret.code == exit_code::configuration);
    CHECK_THAT(secret.err, ContainsSubstring("it holds a private key"));
    std::ofstream{file} << test::signing_key::ed25519().public_pem();
    CHECK(p.run({"serve", "--set", set}).served == 1);
    // Who can send a token only can reach it from anywhere.
    CHECK(p.run({"serve", "--set", set, "--listen", "0.0.0.0:8000"}).served == 1);
    CHECK(p.run({"check-config", "--set", set}).code == exit_code::ok);
}

TEST_CASE("a key is printed alone, once, and is nowhere in the state directory",
          "[daemon][commands]") {
    program p;
    auto const made = p.run({"keys", "add", "alice", "--tenant", "blue"});
    REQUIRE(made.code == exit_code::ok);
    REQUIRE(made.out.size() == 46);
    auto const key = made.out.substr(0, 45);
    CHECK(made.err.find(key) == std::string::npos);
    CHECK((std::filesystem::status(p.state()).permissions() & std::filesystem::perms::mask) ==
          std::filesystem::perms::owner_all);
    for (auto const& entry : std::filesystem::recursive_directory_iterator{p.state()}) {
        std::ifstream in{entry.path(), std::ios::binary};
        std::ostringstream bytes;
        bytes << in.rdbuf();
        CHECK(bytes.str().find(key.substr(9)) == std::string::npos);
    }
    auto const listed = p.run({"keys", "list"});
    CHECK_THAT(listed.out, ContainsSubstring("alice") && ContainsSubstring(key.substr(0, 9)));
    CHECK(listed.out.find(key) == std::string::npos);
    CHECK(p.run({"keys", "add", "alice"}).code == exit_code::failed);
    CHECK(p.run({"keys", "revoke", "bob"}).code == exit_code::failed);
}

TEST_CASE("listing makes nothing", "[daemon][commands]") {
    program p;
    CHECK(p.run({"keys", "list"}).code == exit_code::ok);
    CHECK(p.run({"keys", "list", "--json"}).out == "[]\n");
    CHECK(p.run({"image", "list", "--json"}).out == "[]\n");
    CHECK(p.run({"keys", "revoke", "x"}).code == exit_code::failed);
    CHECK_FALSE(std::filesystem::exists(p.state()));
}

TEST_CASE("a directory that others can write to gets no keys", "[daemon][commands]") {
    program p;
    std::filesystem::create_directory(p.state());
    std::filesystem::permissions(p.state(), std::filesystem::perms::all);
    auto const got = p.run({"keys", "add", "x"});
    CHECK(got.code == exit_code::failed);
    CHECK(got.out.empty());
    CHECK_THAT(got.err, ContainsSubstring("chmod 700"));
}

TEST_CASE("the file is named by the flag, else by the environment", "[daemon][commands]") {
    program p;
    auto const file = p.place / "c.toml";
    std::ofstream{file} << "pids = 99\n";
    CHECK_THAT(p.run_as_is({"check-config", "-c", file}).out,
               ContainsSubstring("pids = 99  # " + file + ":1"));
    p.environment = {{"KERNEL_BROKER_CONFIG", file}, {"KERNEL_BROKER_CPUS", "0.7"}};
    auto const got = p.run_as_is({"check-config"});
    CHECK_THAT(got.out, ContainsSubstring("pids = 99"));
    CHECK_THAT(got.out, ContainsSubstring("cpus = 0.7  # KERNEL_BROKER_CPUS"));
    CHECK_THAT(p.run_as_is({"check-config", "-c", "/dev/null"}).out,
               ContainsSubstring("pids = 128  # default"));
    for (auto const* bad : {"/nonexistent/x.toml", "/proc", "/dev/zero"}) {
        auto const refused = p.run_as_is({"check-config", "-c", bad});
        CHECK(refused.code == exit_code::failed);
        CHECK_THAT(refused.err, ContainsSubstring(bad));
    }
}

TEST_CASE("an image that cannot be built is a failure with a sentence", "[daemon][commands]") {
    program p;
    auto const got = p.run({"image", "build", p.place / "nothing"});
    CHECK(got.code == exit_code::failed);
    CHECK(got.out.empty());
    CHECK(got.err.size() > 20);
}
