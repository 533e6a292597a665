// SPDX-License-Identifier: Apache-2.0
// The command line of the language kernel.
// Never runs as process 1 (an init of the image reaps for it), and never prints but about its own
// command line and start. One thread.
#include "images/language-kernel/connection_file.hpp"
#include "images/language-kernel/descriptor.hpp"
#include "images/language-kernel/driver.hpp"
#include "images/language-kernel/languages.hpp"

#include <fcntl.h>

#include <array>
#include <cstdio>
#include <exception>
#include <span>
#include <string>
#include <string_view>

namespace {

using namespace language_kernel;

constexpr int exit_usage = 2;

constexpr char const* usage =
    "usage: language-kernel --language NAME -f CONNECTION_FILE   serves as a Jupyter kernel\n"
    "       language-kernel --languages    the names, each with the programs it needs\n"
    "       language-kernel --version\n";

/// "c<TAB>gcc", "d<TAB>gdc|ldc2": either of these, "x<TAB>a,b": both.
void print_languages() {
    for (auto const& each : languages()) {
        std::string tools = each.is_shell() ? "bash" : "";
        for (auto const& how : each.recipes) {
            tools += tools.empty() ? "" : "|";
            std::string_view between;
            for (auto const tool : tools_of(how)) {
                tools.append(between).append(tool);
                between = ",";
            }
        }
        std::printf("%s\t%s\n", std::string{each.name}.c_str(), tools.c_str());
    }
}

bool read_whole(char const* path, std::string& text) {
    constexpr std::size_t max_bytes = std::size_t{64} * 1024;
    descriptor const file{::open(path, O_RDONLY | O_CLOEXEC)};
    std::array<char, 4096> room{};
    std::size_t bytes = 0;
    while (file && text.size() <= max_bytes) {
        switch (read_some(file.get(), room, bytes)) {
            case read_result::some:
                text.append(room.data(), bytes);
                break;
            case read_result::nothing_yet:
            case read_result::end:
                return true;
        }
    }
    return false;
}

int complain(std::string const& text) {
    std::fprintf(stderr, "language-kernel: %s\n", text.c_str());
    return exit_usage;
}

int serve(std::string_view name, char const* path) {
    auto const* const language = find_language(name);
    if (language == nullptr) {
        return complain("no language " + std::string{name} + "; --languages lists them");
    }
    std::string text;
    if (!read_whole(path, text)) {
        return complain("cannot read " + std::string{path});
    }
    auto const where = parse_connection_file(text);
    if (!where) {
        return complain(std::string{path} + ": " + where.error().message());
    }
    return driver{*language, *where}.run();
}

}  // namespace

int main(int argc, char** argv) {
    std::span<char*> const words{argv, static_cast<std::size_t>(argc)};
    std::string_view language;
    char const* file = nullptr;
    for (std::size_t i = 1; i < words.size(); ++i) {
        std::string_view const word = words[i];
        if (word == "--languages") {
            print_languages();
            return 0;
        }
        if (word == "--version") {
            std::puts("language-kernel " KERNEL_BROKER_VERSION);
            return 0;
        }
        if (i + 1 < words.size() && word == "--language") {
            language = words[++i];
        } else if (i + 1 < words.size() && word == "-f") {
            file = words[++i];
        } else {
            std::fputs(usage, stderr);
            return exit_usage;
        }
    }
    if (language.empty() || file == nullptr) {
        std::fputs(usage, stderr);
        return exit_usage;
    }
    try {
        return serve(language, file);
    } catch (std::exception const& error) {
        std::fprintf(stderr, "language-kernel: %s\n", error.what());
        return 1;
    }
}
