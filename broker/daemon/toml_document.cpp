// SPDX-License-Identifier: Apache-2.0
// The only unit that sees toml++: its node tree becomes a list, its errors become problems.
// Never throws for what a file holds. Any thread.
#include "broker/daemon/toml_document.hpp"

#define TOML_HEADER_ONLY 1
#define TOML_EXCEPTIONS 0
#define TOML_ENABLE_FORMATTERS 0
#define TOML_UNRELEASED_FEATURES 0
// toml++ 3.3 asserts, and in release builds assumes, what a file such as "[[[" breaks, right before
// the branch that would refuse it. Without the assumption the branch does its work.
#define TOML_ASSERT(expression) static_assert(true)
#include <toml++/impl/preprocessor.h>
#undef TOML_ASSERT_ASSUME
#define TOML_ASSERT_ASSUME(expression) static_assert(true)

#include <fmt/format.h>
#include <toml++/toml.h>

#include <algorithm>
#include <optional>
#include <utility>

namespace broker {
namespace {

std::optional<setting_value> text_list_of(toml::array const& items) {
    text_list list;
    for (auto const& item : items) {
        auto const* text = item.as_string();
        if (text == nullptr) {
            return std::nullopt;
        }
        list.push_back(text->get());
    }
    return setting_value{std::move(list)};
}

std::optional<setting_value> value_of(toml::node const& node) {
    if (auto const* b = node.as_boolean()) {
        return setting_value{b->get()};
    }
    if (auto const* i = node.as_integer()) {
        return setting_value{i->get()};
    }
    if (auto const* f = node.as_floating_point()) {
        return setting_value{f->get()};
    }
    if (auto const* s = node.as_string()) {
        return setting_value{s->get()};
    }
    if (auto const* a = node.as_array()) {
        return text_list_of(*a);
    }
    return std::nullopt;
}

// Depth is bounded by toml++ (TOML_MAX_NESTED_VALUES).
void flatten(toml::table const& table, std::string const& prefix, std::string const& name,
             toml_document& out) {
    for (auto const& [key, node] : table) {
        std::string const full = prefix + std::string{key.str()};
        if (auto const* inner = node.as_table()) {
            flatten(*inner, full + ".", name, out);
            continue;
        }
        unsigned const line = key.source().begin.line;
        if (auto value = value_of(node)) {
            out.entries.push_back({full, *std::move(value), line});
        } else {
            out.problems.push_back(
                {fmt::format("{}:{}", name, line),
                 fmt::format("{} has a kind of value that no setting takes: write true or false, a "
                             "number, \"text\", or a list of texts",
                             full)});
        }
    }
}

struct refused_line {
    unsigned line = 0;
    std::string_view why;
};

constexpr std::string_view not_ascii =
    "only ASCII may stand outside of lines that begin with #; in a text write \\u and four "
    "hexadecimal digits";
constexpr std::string_view many_lines = "no setting takes a text of several lines";

/// toml++ 3.3 believes that characters such as U+FEFB never stand outside of comments and strings,
/// and its behaviour is undefined when they do. What is not ASCII is let through only where it is
/// sure to stand in a comment: a line that begins with #, in a file without texts of several lines.
std::optional<refused_line> refuse_bytes(std::string_view text) {
    unsigned line = 0;
    while (!text.empty()) {
        ++line;
        auto const end = std::min(text.find('\n'), text.size());
        auto const bytes = text.substr(0, end);
        text.remove_prefix(std::min(end + 1, text.size()));
        auto const begin = bytes.find_first_not_of(" \t");
        if (begin != std::string_view::npos && bytes[begin] == '#') {
            continue;
        }
        if (bytes.find("\"\"\"") != std::string_view::npos ||
            bytes.find("'''") != std::string_view::npos) {
            return refused_line{line, many_lines};
        }
        if (!std::ranges::all_of(
                bytes, [](char c) { return (c >= 0x20 && c <= 0x7e) || c == '\t' || c == '\r'; })) {
            return refused_line{line, not_ascii};
        }
    }
    return std::nullopt;
}

}  // namespace

toml_document parse_toml(std::string_view text, std::string const& name) {
    toml_document out;
    if (auto const refused = refuse_bytes(text)) {
        out.problems.push_back(
            {fmt::format("{}:{}", name, refused->line), std::string{refused->why}});
        return out;
    }
    auto const parsed = toml::parse(text, name);
    if (!parsed) {
        auto const& error = parsed.error();
        out.problems.push_back({fmt::format("{}:{}", name, error.source().begin.line),
                                std::string{error.description()}});
        return out;
    }
    flatten(parsed.table(), "", name, out);
    std::ranges::stable_sort(out.entries, {}, &toml_entry::line);
    return out;
}

std::string_view kind_name(setting_value const& value) noexcept {
    constexpr std::string_view names[] = {"true or false", "a whole number", "a number", "text",
                                          "a list of texts"};
    return names[value.index()];
}

}  // namespace broker
