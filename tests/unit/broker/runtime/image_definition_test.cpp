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

/// A folder whose files but the description have their own name in them.
struct written_definition {
    fs::path path = fs::temp_directory_path() / ("kb-definition-" + make_random_id());

    written_definition() {
        fs::create_directory(path);
        write(path / "image.json", good);
        for (auto const* name : {"requirements.txt", "constraints.txt", "setup", "start",
                                 "start-program", "plots.py"}) {
            write(path / name, name);
        }
    }
    written_definition(written_definition const&) = delete;
    written_definition& operator=(written_definition const&) = delete;
    ~written_definition() { fs::remove_all(path); }
};

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

TEST_CASE("further languages and programs are taken where there are some") {
    CHECK(parse_image_definition(good)->kernels.empty());
    CHECK(parse_image_definition(good)->programs.empty());
    auto const read = parse_image_definition(
        with(good, R"("name")", R"("kernels":{"bash":["/k","bash"]},"programs":["k"],"name")"));
    REQUIRE(read.has_value());
    CHECK(read->kernels ==
          std::map<std::string, std::vector<std::string>>{{"bash", {"/k", "bash"}}});
    CHECK(read->programs.contains("k"));
    for (auto const& [members, told] : {std::pair{R"("kernels":[])", "\"kernels\""},
                                        {R"("kernels":{"bash":[]})", "\"bash\""},
                                        {R"("kernels":{"bash":"/k"})", "\"bash\""},
                                        {R"("kernels":{"b sh":["/k"]})", "\"kernels\""},
                                        {R"("kernels":{"python":["/k"]})", "other than"},
                                        {R"("programs":"k")", "\"programs\""},
                                        {R"("programs":[".."])", "\"..\""},
                                        {R"("programs":["a/b"])", "\"programs\""}}) {
        CAPTURE(members);
        auto const wrong =
            parse_image_definition(with(good, R"("name")", std::string(members) + R"(,"name")"));
        REQUIRE(!wrong.has_value());
        CHECK(wrong.error().detail.find(told) != std::string::npos);
    }
}

TEST_CASE("a program that the image holds counts as input with its content") {
    written_definition const made;
    auto const& folder = made.path;
    write(folder / "image.json", with(good, R"("name")", R"("programs":["k"],"name")"));
    write(folder / "built", "first");
    auto const find = [&](std::string const& name) {
        return name == "k" ? folder / "built" : fs::path();
    };
    auto const before = read_image_definition(folder, {}, find);
    REQUIRE(before.has_value());
    CHECK(before->programs.at("k") == folder / "built");
    write(folder / "built", "second");
    auto const after = read_image_definition(folder, {}, find);
    CHECK(after->inputs != before->inputs);
    CHECK(after->wheel_inputs == before->wheel_inputs);
    fs::remove(folder / "built");
    auto const missing = read_image_definition(folder, {}, find);
    REQUIRE(!missing.has_value());
    CHECK(missing.error().detail.find("\"k\"") != std::string::npos);
    CHECK_FALSE(read_image_definition(folder).has_value());
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
    written_definition const made;
    auto const& folder = made.path;
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
}

TEST_CASE("one folder with two lists of libraries is two definitions") {
    written_definition const made;
    auto const& folder = made.path;
    auto const usual = read_image_definition(folder);
    REQUIRE(usual.has_value());
    CHECK(usual->name == "python");
    CHECK(input_path(*usual, "requirements.txt") == folder / "requirements.txt");
    write(folder / "small.txt", "a shorter list");
    auto const small = read_image_definition(folder, {"small", folder / "small.txt"});
    REQUIRE(small.has_value());
    CHECK(small->name == "small");
    CHECK(input_path(*small, "requirements.txt") == folder / "small.txt");
    CHECK(input_path(*small, "constraints.txt") == folder / "constraints.txt");
    CHECK(small->inputs != usual->inputs);
    CHECK(small->wheel_inputs != usual->wheel_inputs);
    auto const renamed = read_image_definition(folder, {.name = "other", .requirements = {}});
    REQUIRE(renamed.has_value());
    CHECK(renamed->name == "other");
    CHECK(renamed->inputs == usual->inputs);
    // The folder's own list is then not needed.
    fs::remove(folder / "requirements.txt");
    CHECK(read_image_definition(folder, {"small", folder / "small.txt"})->inputs == small->inputs);
    CHECK_FALSE(read_image_definition(folder).has_value());
}

TEST_CASE("wheels are known as those of one image, though another's name begins alike") {
    image_definition small;
    small.name = "python-small";
    small.wheel_inputs = std::string(64, 'a');
    auto const name = wheels_name(small);
    CHECK(name == "python-small-aaaaaaaaaaaaaaaa");
    CHECK(is_wheels_name(name, "python-small"));
    CHECK_FALSE(is_wheels_name(name, "python"));
    CHECK(is_wheels_name("python-0123456789abcdef", "python"));
    for (auto const* other :
         {"python", "python-", "python-0123456789abcde", "python-0123456789abcdeg",
          "python_0123456789abcdef", "pythos-0123456789abcdef"}) {
        CHECK_FALSE(is_wheels_name(other, "python"));
    }
}

TEST_CASE("a list that cannot be read and a name that no image can have are told") {
    written_definition const made;
    auto const told = [&](image_variant const& variant) {
        auto const read = read_image_definition(made.path, variant);
        REQUIRE(!read.has_value());
        CHECK(read.error().code == errc::invalid_field);
        return read.error().detail;
    };
    auto const missing = made.path / "missing.txt";
    CHECK(told({"small", missing}) == "cannot read " + missing.native());
    CHECK(told({"small", made.path}) == "cannot read " + made.path.native());
    for (auto const* name : {"../small", "Small", "a/b", ".", "-", " "}) {
        CHECK(told({name, made.path / "requirements.txt"}).starts_with("the name of an image may"));
    }
    CHECK(told({std::string(64, 'a'), {}}).starts_with("the name of an image may"));
}
