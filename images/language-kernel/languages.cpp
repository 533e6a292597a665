// SPDX-License-Identifier: Apache-2.0
// The rows of the table. Never an option that changes what correct code means. Pure; any thread.
#include "images/language-kernel/languages.hpp"

#include <algorithm>
#include <array>
#include <utility>

namespace language_kernel {
namespace {

std::vector<language> make_table() {
    return {
        {"bash", "bash", "script.sh", "text/x-sh", {}},
        {"py",
         "python",
         "main.py",
         "text/x-python",
         {{{}, {"python3", "-u", "{file}"}}}},  // -u: output as it comes
        {"js", "javascript", "index.js", "text/javascript", {{{}, {"node", "{file}"}}}},
        {"ts",
         "typescript",
         "main.ts",
         "text/x-typescript",
         {{{}, {"tsx", "{file}"}}, {{}, {"ts-node", "--transpile-only", "{file}"}}}},
        {"c",
         "c",
         "main.c",
         "text/x-csrc",
         {{{"gcc", "-std=gnu17", "-O1", "-o", "{program}", "{file}", "-lm", "-pthread"},
           {"{program}"}}}},
        {"cpp",
         "c++",
         "main.cpp",
         "text/x-c++src",
         {{{"g++", "-std=gnu++20", "-O1", "-o", "{program}", "{file}", "-pthread"},
           {"{program}"}}}},
        // A single source file is compiled in memory (JEP 330), whatever its class is called.
        {"java",
         "java",
         "Main.java",
         "text/x-java",
         {{{}, {"java", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "{file}"}}}},
        {"php", "php", "main.php", "application/x-php", {{{}, {"php", "{file}"}}}},
        {"rs",
         "rust",
         "main.rs",
         "text/x-rustsrc",
         {{{"rustc", "--edition", "2021", "-C", "opt-level=1", "-o", "{program}", "{file}"},
           {"{program}"}}}},
        {"go",
         "go",
         "main.go",
         "text/x-go",
         {{{"go", "build", "-o", "{program}", "{file}"}, {"{program}"}}},
         {{"GOCACHE", "{home}/go-build"},
          {"GOPATH", "{home}/go"},
          {"GOFLAGS", "-buildvcs=false"},
          {"GOTELEMETRY", "off"}}},
        {"d",
         "d",
         "main.d",
         "text/x-d",
         {{{"gdc", "-o", "{program}", "{file}"}, {"{program}"}},
          {{"ldc2", "-of={program}", "{file}"}, {"{program}"}}}},
        {"f90",
         "fortran",
         "main.f90",
         "text/x-fortran",
         {{{"gfortran", "-O1", "-J", "{dir}", "-o", "{program}", "{file}"}, {"{program}"}}}},
        {"r", "R", "main.R", "text/x-rsrc", {{{}, {"Rscript", "{file}"}}}},
    };
}

}  // namespace

std::span<language const> languages() {
    static std::vector<language> const table = make_table();
    return table;
}

language const* find_language(std::string_view name) {
    auto const table = languages();
    auto const found = std::ranges::find(table, name, &language::name);
    return found == table.end() ? nullptr : &*found;
}

std::vector<std::string_view> tools_of(recipe const& how) {
    std::vector<std::string_view> tools;
    if (!how.compile.empty()) {
        tools.push_back(how.compile.front());
    }
    if (how.run.front() != "{program}") {
        tools.push_back(how.run.front());
    }
    return tools;
}

chosen_recipe choose_recipe(language const& of,
                            std::function<bool(std::string_view)> const& is_there) {
    std::string_view missing;
    for (auto const& each : of.recipes) {
        auto const tools = tools_of(each);
        auto const absent = std::ranges::find_if_not(tools, is_there);
        if (absent == tools.end()) {
            return &each;
        }
        if (missing.empty()) {
            missing = *absent;
        }
    }
    return missing;
}

std::vector<std::string> fill(command const& words, cell_paths const& paths) {
    std::array<std::pair<std::string_view, std::string const*>, 3> const places{
        {{"{file}", &paths.file}, {"{dir}", &paths.dir}, {"{program}", &paths.program}}};
    std::vector<std::string> out;
    for (auto const word : words) {
        std::string text{word};
        for (auto const& [place, path] : places) {
            if (auto const at = text.find(place); at != std::string::npos) {
                text.replace(at, place.size(), *path);
                break;  // what was filled in is no place again
            }
        }
        out.push_back(std::move(text));
    }
    return out;
}

}  // namespace language_kernel
