// SPDX-License-Identifier: Apache-2.0
#include "broker/daemon/command_line.hpp"

#include "tests/support/catch.hpp"

using broker::command;
using broker::command_line;
using broker::command_line_end;
using broker::parse_command_line;
using Catch::Matchers::ContainsSubstring;

namespace {

command_line parsed(std::vector<std::string> const& arguments) {
    auto outcome = parse_command_line(arguments);
    REQUIRE(std::holds_alternative<command_line>(outcome));
    return std::get<command_line>(outcome);
}

command_line_end ended(std::vector<std::string> const& arguments) {
    auto outcome = parse_command_line(arguments);
    REQUIRE(std::holds_alternative<command_line_end>(outcome));
    return std::get<command_line_end>(outcome);
}

}  // namespace

TEST_CASE("each command is known by its words", "[daemon][cli]") {
    CHECK(parsed({"serve"}).what == command::serve);
    CHECK(parsed({"check-config"}).what == command::check_config);
    CHECK(parsed({"doctor"}).what == command::doctor);
    CHECK(parsed({"image", "build", "images/python"}).what == command::image_build);
    CHECK(parsed({"image", "list"}).what == command::image_list);
    CHECK(parsed({"keys", "add", "alice"}).what == command::keys_add);
    CHECK(parsed({"keys", "list"}).what == command::keys_list);
    CHECK(parsed({"keys", "revoke", "alice"}).what == command::keys_revoke);
    CHECK(parsed({"run", "-c", "1"}).what == command::run);
    CHECK(parsed({"exec-notebook", "a", "b"}).what == command::exec_notebook);
    CHECK(parsed({"version"}).what == command::version);
}

TEST_CASE("settings come as --set and as flags of their own", "[daemon][cli]") {
    auto const line = parsed({"serve", "-c", "x.toml", "--set", "pids=20", "--set", "image=a=b",
                              "--listen", "127.0.0.1:1", "--state-dir=/s"});
    CHECK(line.config_path == "x.toml");
    broker::command_line const expected{
        .settings = {
            {"pids", "20"}, {"image", "a=b"}, {"listen", "127.0.0.1:1"}, {"state_dir", "/s"}}};
    CHECK(line.settings == expected.settings);
    CHECK(parsed({"serve", "--set", "image="}).settings.front().second.empty());
}

TEST_CASE("an image of another list of libraries has a name of its own", "[daemon][cli]") {
    auto const plain = parsed({"image", "build", "images/python"});
    CHECK(plain.directory == "images/python");
    CHECK(plain.image_name.empty());
    CHECK(plain.requirements.empty());
    auto const other = parsed(
        {"image", "build", "images/python", "--requirements", "list.txt", "--name", "small"});
    CHECK(other.directory == "images/python");
    CHECK(other.image_name == "small");
    CHECK(other.requirements == "list.txt");
    CHECK(parsed({"image", "build", "images/python", "--name", "small"}).image_name == "small");
    auto const unnamed = ended({"image", "build", "images/python", "--requirements", "list.txt"});
    CHECK(unnamed.status == 2);
    CHECK_THAT(unnamed.err, ContainsSubstring("--requirements requires --name"));
}

TEST_CASE("a key belongs to a tenant", "[daemon][cli]") {
    CHECK(parsed({"keys", "add", "alice"}).tenant == "default");
    auto const line = parsed({"keys", "add", "alice", "--tenant", "blue"});
    CHECK(line.name == "alice");
    CHECK(line.tenant == "blue");
}

TEST_CASE("code to run is a file, standard input or a word", "[daemon][cli]") {
    CHECK(parsed({"run", "a.py"}).client.file == "a.py");
    CHECK(parsed({"run", "-"}).client.file == "-");
    CHECK(parsed({"run", "-c", ""}).client.code == "");
    CHECK(parsed({"run", "-c", "-1"}).client.code == "-1");
    auto const line = parsed({"run", "--session", "s", "--url", "u", "--key", "k", "--timeout",
                              "0.5", "--input", "--json", "--save-dir", "d", "-"});
    CHECK(line.client.session == "s");
    CHECK(line.client.url == "u");
    CHECK(line.client.key == "k");
    CHECK(line.client.timeout_s == 0.5);
    CHECK(line.client.input);
    CHECK(line.json);
    CHECK(line.client.save_dir == "d");
    CHECK(parsed({"run", "-"}).client.save_dir == ".");
}

TEST_CASE("a notebook to run has a place for the result", "[daemon][cli]") {
    auto const line =
        parsed({"exec-notebook", "in", "out", "--allow-errors", "--quiet", "--timeout", "7"});
    CHECK(line.client.file == "in");
    CHECK(line.client.into == "out");
    CHECK(line.client.allow_errors);
    CHECK(line.client.quiet);
    CHECK(line.client.timeout_s == 7);
}

TEST_CASE("what is wrong ends with status 2 and says so", "[daemon][cli]") {
    using arguments = std::vector<std::string>;
    for (auto const& wrong : {arguments{},
                              arguments{"serv"},
                              arguments{"serve", "extra"},
                              arguments{"keys"},
                              arguments{"keys", "add"},
                              arguments{"image", "build"},
                              arguments{"image", "build", "a", "--name"},
                              arguments{"image", "build", "a", "--name", ""},
                              arguments{"image", "build", "a", "--requirements", "b", "--name", ""},
                              arguments{"serve", "--set", "x"},
                              arguments{"serve", "--set", "=x"},
                              arguments{"serve", "--set"},
                              arguments{"serve", "--no"},
                              arguments{"serve", "--config"},
                              arguments{"version", "--set", "a=b"},
                              arguments{"run"},
                              arguments{"run", "a", "b"},
                              arguments{"run", "a", "-c", "b"},
                              arguments{"run", "a", "--timeout", "0"},
                              arguments{"run", "a", "--timeout", "nan"},
                              arguments{"run", "a", "--timeout", "1s"},
                              arguments{"exec-notebook", "a"},
                              arguments{"exec-notebook", "a", "b", "--input"}}) {
        auto const end = ended(wrong);
        CAPTURE(wrong, end.err);
        CHECK(end.status == 2);
        CHECK(end.out.empty());
        CHECK(end.err.size() > 10);
    }
}

TEST_CASE("a word that is no command is named, with those there are", "[daemon][cli]") {
    CHECK(ended({"bogus"}).err ==
          "kernel-broker: there is no command \"bogus\"; the commands are: serve, check-config, "
          "doctor, image, keys, run, exec-notebook, version\nRun with --help for more "
          "information.\n");
    CHECK_THAT(ended({"bogus", "--set", "a=b"}).err, ContainsSubstring("no command \"bogus\""));
    CHECK_THAT(ended({"keys", "bogus"}).err,
               ContainsSubstring("kernel-broker keys: there is no command \"bogus\"; the commands "
                                 "are: add, list, revoke\n"));
    CHECK_THAT(ended({"--bogus"}).err, ContainsSubstring("no option \"--bogus\""));
    CHECK_THAT(ended({}).err, ContainsSubstring("subcommand is required"));
    CHECK_THAT(ended({"keys", "add"}).err, ContainsSubstring("NAME"));
    CHECK_THAT(ended({"image", "build"}).err, ContainsSubstring("DIR"));
}

TEST_CASE("help is no error, has examples and tells every exit status", "[daemon][cli]") {
    auto const end = ended({"--help"});
    CHECK(end.status == 0);
    CHECK(end.err.empty());
    CHECK_THAT(end.out, ContainsSubstring("Examples:") && ContainsSubstring("Exit status:") &&
                            ContainsSubstring("keys add alice"));
    CHECK_THAT(ended({"keys", "add", "--help"}).out, ContainsSubstring("--tenant"));
}
