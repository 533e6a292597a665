// SPDX-License-Identifier: Apache-2.0
// Words that a language keeps for itself, and what becomes of a name. Pure.
#include "http/librechat/tool_names.hpp"

#include "http/proto/ascii.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <map>
#include <utility>

namespace http::librechat {
namespace {

constexpr std::size_t max_tools = 100;

/// Python's own list (keyword.kwlist, 3.14).
constexpr std::array<std::string_view, 35> python_words = {
    "False", "None",     "True",  "and",    "as",   "assert", "async",  "await",    "break",
    "class", "continue", "def",   "del",    "elif", "else",   "except", "finally",  "for",
    "from",  "global",   "if",    "import", "in",   "is",     "lambda", "nonlocal", "not",
    "or",    "pass",     "raise", "return", "try",  "while",  "with",   "yield"};

/// Keywords and builtins of bash 5.2 (`compgen -k`, `compgen -b`) that are names.
constexpr std::array<std::string_view, 75> bash_words = {
    "if",        "then",     "else",     "elif",    "fi",       "case",    "esac",     "for",
    "select",    "while",    "until",    "do",      "done",     "in",      "function", "time",
    "coproc",    "alias",    "bg",       "bind",    "break",    "builtin", "caller",   "cd",
    "command",   "compgen",  "complete", "compopt", "continue", "declare", "dirs",     "disown",
    "echo",      "enable",   "eval",     "exec",    "exit",     "export",  "false",    "fc",
    "fg",        "getopts",  "hash",     "help",    "history",  "jobs",    "kill",     "let",
    "local",     "logout",   "mapfile",  "popd",    "printf",   "pushd",   "pwd",      "read",
    "readarray", "readonly", "return",   "set",     "shift",    "shopt",   "source",   "suspend",
    "test",      "times",    "trap",     "true",    "type",     "typeset", "ulimit",   "umask",
    "unalias",   "unset",    "wait"};

template <class Words>
bool has(Words const& words, std::string_view name) {
    return std::find(words.begin(), words.end(), name) != words.end();
}

bool is_taken(std::string_view name, tool_language in) {
    if (name.starts_with("_ptc_") || name == "ToolExecutionError") {
        return true;
    }
    return in == tool_language::python ? has(python_words, name) : has(bash_words, name);
}

}  // namespace

std::string callable_name(std::string_view tool, tool_language in) {
    std::string name;
    for (char const c : tool) {
        bool const joins = c == '-' || c == ' ' || (c >= '\t' && c <= '\r') ||
                           (c == '.' && in == tool_language::bash);
        if (joins) {
            name += '_';
        } else if (ascii::is_alnum(c) || c == '_') {
            name += c;
        }
    }
    if (!name.empty() && ascii::is_digit(name.front())) {
        name.insert(0, 1, '_');
    }
    return is_taken(name, in) ? name + "_tool" : name;
}

broker::result<std::vector<named_tool>> name_tools(std::vector<std::string> const& tools,
                                                   tool_language in) {
    if (tools.size() > max_tools) {
        return broker::fail(broker::errc::invalid_field,
                            fmt::format("tools: at most {} tools", max_tools));
    }
    std::vector<named_tool> named;
    std::map<std::string, std::string> taken;
    for (auto const& tool : tools) {
        auto callable = callable_name(tool, in);
        if (callable.empty()) {
            return broker::fail(
                broker::errc::invalid_field,
                fmt::format("tools: \"{}\" cannot be the name of a function", tool.substr(0, 64)));
        }
        auto const [at, fresh] = taken.emplace(callable, tool);
        if (!fresh) {
            return broker::fail(
                broker::errc::invalid_field,
                fmt::format("tools: \"{}\" and \"{}\" would both be called {}",
                            at->second.substr(0, 64), tool.substr(0, 64), callable));
        }
        named.push_back({tool, std::move(callable)});
    }
    return named;
}

}  // namespace http::librechat
