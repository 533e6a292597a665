// SPDX-License-Identifier: Apache-2.0
#include "broker/daemon/config_text.hpp"

#include "broker/daemon/command_line.hpp"
#include "broker/daemon/setting_table.hpp"
#include "tests/support/catch.hpp"

#include <cstdlib>
#include <fstream>
#include <set>
#include <sstream>

using Catch::Matchers::ContainsSubstring;

namespace {

std::string source_path(std::string const& path) { return std::string{KB_SOURCE_DIR} + "/" + path; }

std::string source_file(std::string const& path) {
    std::ifstream in{source_path(path)};
    std::ostringstream out;
    out << in.rdbuf();
    return out.str();
}

/// With KB_UPDATE_DOCS=1 in the environment the files are written instead of compared.
bool updates_files() { return std::getenv("KB_UPDATE_DOCS") != nullptr; }

void is_file(std::string const& path, std::string const& text) {
    if (updates_files()) {
        std::ofstream{source_path(path)} << text;
    }
    CHECK(source_file(path) == text);
}

/// The part of a page between "<!-- begin NAME -->" and "<!-- end NAME -->".
void is_section(std::string const& path, std::string const& name, std::string const& text) {
    auto const page = source_file(path);
    auto const begin = "<!-- begin " + name + " -->\n";
    auto const from = page.find(begin);
    auto const to = page.find("<!-- end " + name + " -->");
    REQUIRE(from != std::string::npos);
    REQUIRE(to != std::string::npos);
    auto const start = from + begin.size();
    if (updates_files()) {
        std::ofstream{source_path(path)} << page.substr(0, start) << text << page.substr(to);
    } else {
        CHECK(page.substr(start, to - start) == text);
    }
}

broker::config read_back(std::string text) {
    broker::config_inputs inputs;
    inputs.file_name = "x";
    inputs.file_text = std::move(text);
    return make_config(inputs);
}

}  // namespace

TEST_CASE("what check-config prints is a file that gives the same settings", "[daemon][config]") {
    broker::config_inputs inputs;
    inputs.flags = {{"memory_bytes", "1GiB"},
                    {"trusted_networks", "10.0.0.0/8,fd00::/8"},
                    {"cpus", "0.25"},
                    {"state_dir", "/tmp/a \"quoted\\ name"},
                    {"unix_mode", "0o600"}};
    auto const first = make_config(inputs);
    REQUIRE(to_text(first.problems) == "");
    auto const text = effective_toml(first);
    CHECK_THAT(text, ContainsSubstring("memory_bytes = 1073741824  # 1 GiB, flag memory_bytes\n"));
    CHECK_THAT(text, ContainsSubstring("pids = 128  # default\n"));

    auto const second = read_back(text);
    REQUIRE(to_text(second.problems) == "");
    for (auto const& row : broker::setting_table()) {
        CHECK(to_toml(row, first.values) == to_toml(row, second.values));
        CHECK(second.sources.contains(row.key));
    }
}

TEST_CASE("every setting has a name, a sentence and a default within its bounds",
          "[daemon][config]") {
    std::set<std::string_view> keys;
    for (auto const& row : broker::setting_table()) {
        CAPTURE(row.key);
        CHECK(keys.insert(row.key).second);
        CHECK(row.doc.ends_with('.'));
        CHECK_FALSE(row.group.empty());
        broker::settings values;
        auto const text = to_toml(row, values);
        CHECK(read_back(std::string{row.key} + " = " + text).problems.empty());
    }
}

TEST_CASE("the example file is the table, and holds every default", "[daemon][config]") {
    is_file("deploy/kernel-broker.toml", broker::example_toml());
    std::string uncommented;
    std::istringstream lines{broker::example_toml()};
    for (std::string line; std::getline(lines, line);) {
        if (line.size() > 1 && line[0] == '#' && line[1] != ' ') {
            uncommented += line.substr(1) + '\n';
        }
    }
    auto const made = read_back(uncommented);
    CHECK(to_text(made.problems) == "");
    CHECK(made.sources.size() == broker::setting_table().size());
}

TEST_CASE("the page of the configuration is the table", "[daemon][docs]") {
    is_section("docs/configuration.md", "settings", broker::settings_markdown());
}

TEST_CASE("the page of the command line shows the help as it is printed", "[daemon][docs]") {
    for (auto const* name : {"", "serve", "check-config", "doctor", "image build", "image list",
                             "keys add", "keys list", "keys revoke", "run", "exec-notebook"}) {
        CAPTURE(name);
        auto const heading = std::string{"help"} + (*name != '\0' ? " " : "") + name;
        is_section("docs/cli.md", heading, "```text\n" + broker::command_help(name) + "```\n");
    }
}
