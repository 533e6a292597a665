// SPDX-License-Identifier: Apache-2.0
// The table of languages: under which name code is written, how it is compiled, how it is run.
// Never decides by anything but this table, and never touches the system: whether a program is
// there is told by the caller. Values that live as long as the process; any thread.
#pragma once

#include <functional>
#include <span>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

namespace language_kernel {

/// Words of a command. `{file}` is the code, `{dir}` the private directory it lies in, and
/// `{program}` what the compiler makes there.
using command = std::vector<std::string_view>;

struct recipe {
    command compile;  // empty: nothing to compile
    command run;      // arguments of the cell follow
};

/// A variable for the tools that is set unless the environment has it; `{home}` is a private
/// directory that lives as long as the kernel.
struct default_variable {
    std::string_view name;
    std::string_view value;
};

struct language {
    std::string_view name;   // as the broker's clients say it
    std::string_view title;  // as its own people say it
    std::string_view file_name;
    std::string_view mimetype;
    /// In the order of preference; the first whose programs are there is taken. Empty: a shell that
    /// lives from cell to cell.
    std::vector<recipe> recipes;
    std::vector<default_variable> variables = {};

    bool is_shell() const noexcept { return recipes.empty(); }
    /// With its dot.
    std::string_view extension() const noexcept { return file_name.substr(file_name.find('.')); }
};

std::span<language const> languages();

/// Null for a name that is not in the table.
language const* find_language(std::string_view name);

/// The programs that a recipe needs, without the one it makes.
std::vector<std::string_view> tools_of(recipe const& how);

/// The recipe to use, or the first missing program of the most wanted one.
/// Precondition: the language is no shell.
using chosen_recipe = std::variant<recipe const*, std::string_view>;
chosen_recipe choose_recipe(language const& of,
                            std::function<bool(std::string_view)> const& is_there);

struct cell_paths {
    std::string file;
    std::string dir;
    std::string program;
};

/// The command with its paths.
std::vector<std::string> fill(command const& words, cell_paths const& paths);

}  // namespace language_kernel
