// SPDX-License-Identifier: Apache-2.0
// Renders the table of settings. Never holds a sentence about a single setting. Pure.
#include "broker/daemon/config_text.hpp"

#include "broker/daemon/setting_table.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <sstream>

namespace broker {
namespace {

std::string readable_size(setting const& row, settings const& of) {
    if (row.unit != setting_unit::bytes) {
        return {};
    }
    settings copy = of;
    auto const field = row.at(copy);
    if (auto const* const* big = std::get_if<std::uint64_t*>(&field)) {
        return size_text(**big);
    }
    auto const* const* small = std::get_if<std::uint32_t*>(&field);
    return small != nullptr ? size_text(**small) : std::string{};
}

/// Lines of at most 96 letters, each behind "# ".
std::string comment(std::string const& text) {
    std::string out;
    std::string line = "#";
    std::istringstream words{text};
    for (std::string word; words >> word;) {
        if (line.size() + 1 + word.size() > 98) {
            out += line + '\n';
            line = "#";
        }
        line += ' ' + word;
    }
    return out + line + '\n';
}

std::string allowed(setting const& row) {
    auto const bounds = bounds_text(row);
    auto const type = type_text(row);
    return bounds.empty() ? type : type + ", " + bounds;
}

/// In a cell of a Markdown table.
std::string cell(std::string text) {
    for (std::size_t at = 0; (at = text.find('|', at)) != std::string::npos; at += 2) {
        text.insert(at, 1, '\\');
    }
    return text;
}

}  // namespace

std::string effective_toml(config const& of) {
    std::string out;
    std::string_view group;
    for (auto const& row : setting_table()) {
        if (row.group != group) {
            group = row.group;
            out += fmt::format("{}# {}\n", out.empty() ? "" : "\n", group);
        }
        auto const found = of.sources.find(row.key);
        auto const size = readable_size(row, of.values);
        out += fmt::format("{} = {}  # {}{}{}\n", row.key, to_toml(row, of.values), size,
                           size.empty() ? "" : ", ",
                           found == of.sources.end() ? "default" : found->second);
    }
    return out;
}

std::string example_toml() {
    std::string out = comment(
        "Kernel Broker: every setting with its default. Lines that begin with # change nothing; "
        "take "
        "the # away to set a value. Put it at /etc/kernel-broker/config.toml or name it with "
        "--config; `kernel-broker check-config` shows what is in effect.");
    settings const defaults;
    std::string_view group;
    for (auto const& row : setting_table()) {
        if (row.group != group) {
            group = row.group;
            out += fmt::format("\n# ---- {} ----\n", group);
        }
        auto const size = readable_size(row, defaults);
        out += fmt::format("\n{}#{} = {}{}{}\n",
                           comment(fmt::format("{} ({})", row.doc, allowed(row))), row.key,
                           to_toml(row, defaults), size.empty() ? "" : "  # ", size);
    }
    return out;
}

std::string settings_markdown() {
    std::string out;
    settings const defaults;
    std::string_view group;
    for (auto const& row : setting_table()) {
        if (row.group != group) {
            group = row.group;
            out += fmt::format(
                "{}### {}\n\n| setting | default | allowed | meaning |\n|---|---|---|---|\n",
                out.empty() ? "" : "\n", group);
        }
        auto const size = readable_size(row, defaults);
        out += fmt::format("| `{}` | `{}`{} | {} | {} |\n", row.key, to_toml(row, defaults),
                           size.empty() ? "" : " (" + size + ")", cell(allowed(row)),
                           cell(std::string{row.doc}));
    }
    return out;
}

}  // namespace broker
