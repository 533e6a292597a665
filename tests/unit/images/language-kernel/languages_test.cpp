// SPDX-License-Identifier: Apache-2.0
#include "images/language-kernel/languages.hpp"

#include "tests/support/catch.hpp"

#include <set>

using namespace language_kernel;

TEST_CASE("the thirteen languages are there, each once", "[language-kernel][languages]") {
    std::set<std::string_view> names;
    for (auto const& each : languages()) {
        CHECK(names.insert(each.name).second);
        CHECK(find_language(each.name) == &each);
        CHECK(each.extension().starts_with('.'));
    }
    CHECK(names == std::set<std::string_view>{"bash", "c", "cpp", "d", "f90", "go", "java", "js",
                                              "php", "py", "r", "rs", "ts"});
    CHECK(find_language("cobol") == nullptr);
    CHECK(find_language("bash")->is_shell());
    CHECK_FALSE(find_language("c")->is_shell());
}

TEST_CASE("code is named in every command that starts from it", "[language-kernel][languages]") {
    for (auto const& each : languages()) {
        for (auto const& how : each.recipes) {
            auto const& reads = how.compile.empty() ? how.run : how.compile;
            CHECK(std::count(reads.begin(), reads.end(), "{file}") == 1);
            CHECK_FALSE(tools_of(how).empty());
        }
    }
}

TEST_CASE("the first recipe whose programs are there is taken", "[language-kernel][languages]") {
    auto const& d = *find_language("d");
    auto const only = [](std::string_view there) {
        return [there](std::string_view asked) {
            return asked == there;
        };
    };
    CHECK(std::get<recipe const*>(choose_recipe(d, only("gdc"))) == &d.recipes[0]);
    CHECK(std::get<recipe const*>(choose_recipe(d, only("ldc2"))) == &d.recipes[1]);
    CHECK(std::get<std::string_view>(choose_recipe(d, only("none"))) == "gdc");
}

TEST_CASE("a command gets its paths, and a path is no place", "[language-kernel][languages]") {
    cell_paths const paths{"/t/{dir}/main.c", "/t", "/t/program"};
    CHECK(fill({"cc", "-o", "{program}", "{file}"}, paths) ==
          std::vector<std::string>{"cc", "-o", "/t/program", "/t/{dir}/main.c"});
    CHECK(fill({"-of={program}"}, paths) == std::vector<std::string>{"-of=/t/program"});
}
