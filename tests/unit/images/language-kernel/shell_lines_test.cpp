// SPDX-License-Identifier: Apache-2.0
#include "images/language-kernel/shell_lines.hpp"

#include "tests/support/catch.hpp"

using namespace language_kernel;

TEST_CASE("words reach the shell as they are", "[language-kernel][shell_lines]") {
    CHECK(quoted("a b") == "'a b'");
    CHECK(quoted("$(x)`y`\n") == "'$(x)`y`\n'");
    CHECK(quoted("it's") == R"('it'\''s')");
    CHECK(quoted("") == "''");
    CHECK(cell_line("/t/cell", {"a", "it's"}, "/dev/null")
              .starts_with(R"(builtin . '/t/cell' 'a' 'it'\''s' <'/dev/null' >&8 )"));
    CHECK(source_line("/t/a b") == "builtin . \\/\\t\\/\\a\\ \\b\n");
    CHECK(end_line(7).ends_with(R"(printf 7\\040end\\n >&9)"
                                "\n"));
}

TEST_CASE("the end of a line is no beginning of a longer one", "[language-kernel][shell_lines]") {
    for (auto const& line : {source_line("/t/it's"), end_line(7)}) {
        CHECK(line.find('"') == std::string::npos);
        CHECK(line.find('`') == std::string::npos);
        CHECK(line.find('\n') == line.size() - 1);
    }
    CHECK(end_line(7).find('\'') == std::string::npos);
}

TEST_CASE("the status of a cell counts once its end is told", "[language-kernel][shell_lines]") {
    shell_ear ear;
    CHECK_FALSE(ear.hear("1 ", 1));
    CHECK_FALSE(ear.hear("3\n1 en", 1));
    CHECK(ear.hear("d\n", 1) == 3);
}

TEST_CASE("the end of an earlier cell ends no other", "[language-kernel][shell_lines]") {
    shell_ear ear;
    CHECK(ear.hear("1 130\n1 end\n1 0\n1 end\n", 1) == 130);
    CHECK_FALSE(ear.hear("1 0\n1 end\n", 2));
    CHECK(ear.hear("2 4\n2 end\n", 2) == 4);
}

TEST_CASE("an end without its status was an interrupt", "[language-kernel][shell_lines]") {
    shell_ear ear;
    CHECK(ear.hear("1 end\n", 1) == 130);
}

TEST_CASE("lines that nobody agreed on are skipped", "[language-kernel][shell_lines]") {
    shell_ear ear;
    CHECK_FALSE(ear.hear("hello\nx 1\n1 x\n" + std::string(1000, 'y') + "\n", 1));
    CHECK(ear.hear("1 0\n1 end\n", 1) == 0);
    // What has no end of line is not kept.
    CHECK_FALSE(ear.hear(std::string(100000, 'z'), 2));
    CHECK(ear.hear("2 5\n2 end\n", 2) == 5);
}
