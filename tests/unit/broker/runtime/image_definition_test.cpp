// SPDX-License-Identifier: Apache-2.0
// An operator's image.json: what is taken, and that no slip passes in silence. One thread.
#include "broker/runtime/image_definition.hpp"

#include "broker/base/ids.hpp"
#include "tests/support/catch.hpp"

#include <fstream>

using namespace broker;
namespace fs = std::filesystem;

namespace {

std::string const good = R"({"name":"python","language":"python","debian_suite":"bookworm",
    "debian_packages":["python3","libstdc++6"],"python":"3.11","glibc":"2.36",
    "kernel_argv":["/usr/bin/tini","--"],"kernel_env":["HOME=/tmp"]})";

std::string with(std::string text, std::string const& old_text, std::string const& new_text) {
    auto const at = text.find(old_text);
    REQUIRE(at != std::string::npos);
    return text.replace(at, old_text.size(), new_text);
}

void write(fs::path const& path, std::string const& text) {
    std::ofstream(path, std::ios::binary) << text;
}

}  // namespace

TEST_CASE("a good description is taken as it is") {
    auto const read = parse_image_definition(good);
    REQUIRE(read.has_value());
    CHECK(read->name == "python");
    CHECK(read->debian_suite == "bookworm");
    CHECK(read->debian_packages == std::vector<std::string>{"python3", "libstdc++6"});
    CHECK(read->python == "3.11");
    CHECK(read->glibc_minor == 36);
    CHECK(read->kernel_argv == std::vector<std::string>{"/usr/bin/tini", "--"});
    CHECK(read->kernel_env == std::vector<std::string>{"HOME=/tmp"});
}

TEST_CASE("a wrong description is refused with the member's name") {
    struct row {
        std::string old_text, new_text, told;
    };
    for (auto const& [old_text, new_text, told] : {
             row{R"("name":"python")", R"("name":"../python")", "\"name\""},
             row{R"("name":"python")", R"("name":"Python")", "\"name\""},
             row{R"("name":"python")", R"("title":"python")", "title"},
             row{R"("language":"python")", R"("language":7)", "\"language\""},
             row{R"("bookworm")", R"("book worm")", "\"debian_suite\""},
             row{R"("bookworm")", R"("--bookworm")", "\"debian_suite\""},
             row{R"("libstdc++6")", R"("--customize-hook=x")", "\"debian_packages\""},
             row{R"(["python3","libstdc++6"])", R"([])", "\"debian_packages\""},
             row{R"("3.11")", R"(3.11)", "\"python\""},
             row{R"("2.36")", R"("3.1")", "\"glibc\""},
             row{R"("2.36")", R"("2.x")", "\"glibc\""},
             row{R"(["/usr/bin/tini","--"])", R"("tini")", "\"kernel_argv\""},
             row{R"("HOME=/tmp")", "\"HOME=\\u0000\"", "\"kernel_env\""},
             row{R"({"name")", R"([{"name")", "JSON"},
         }) {
        CAPTURE(new_text);
        auto const read = parse_image_definition(with(good, old_text, new_text));
        REQUIRE(!read.has_value());
        CHECK(read.error().code == errc::invalid_field);
        CHECK(read.error().detail.find(told) != std::string::npos);
    }
}

TEST_CASE(
    "each file of the folder counts as input, and only the lists of libraries for the wheels") {
    auto const folder = fs::temp_directory_path() / ("kb-definition-" + make_random_id());
    fs::create_directory(folder);
    write(folder / "image.json", good);
    for (auto const* name : {"requirements.txt", "constraints.txt", "setup", "start"}) {
        write(folder / name, name);
    }
    auto const before = read_image_definition(folder);
    REQUIRE(before.has_value());
    CHECK(before->folder == folder);
    for (std::string const name : image_input_files) {
        CAPTURE(name);
        write(folder / name, name == "image.json" ? good + " " : "changed");
        auto const after = read_image_definition(folder);
        REQUIRE(after.has_value());
        CHECK(after->inputs != before->inputs);
        CHECK((after->wheel_inputs != before->wheel_inputs) ==
              (name == "requirements.txt" || name == "constraints.txt"));
        write(folder / name, name == "image.json" ? good : name);
    }
    CHECK(read_image_definition(folder)->inputs == before->inputs);
    write(folder / "notes.txt", "not part of the image");
    CHECK(read_image_definition(folder)->inputs == before->inputs);
    fs::remove(folder / "setup");
    CHECK(read_image_definition(folder).error().detail.find("setup") != std::string::npos);
    fs::remove_all(folder);
}
