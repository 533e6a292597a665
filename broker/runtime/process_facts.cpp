// SPDX-License-Identifier: Apache-2.0
#include "broker/runtime/process_facts.hpp"

#include <algorithm>
#include <charconv>

namespace broker {
namespace {

std::string_view trimmed(std::string_view text) {
    auto const first = text.find_first_not_of(" \t");
    if (first == std::string_view::npos) {
        return {};
    }
    return text.substr(first, text.find_last_not_of(" \t") - first + 1);
}

bool is_octal(char c) { return c >= '0' && c <= '7'; }

std::string unescaped(std::string_view text) {
    std::string out;
    for (std::size_t i = 0; i < text.size(); ++i) {
        if (text[i] == '\\' && i + 3 < text.size() && is_octal(text[i + 1]) &&
            is_octal(text[i + 2]) && is_octal(text[i + 3])) {
            out += static_cast<char>((text[i + 1] - '0') * 64 + (text[i + 2] - '0') * 8 +
                                     (text[i + 3] - '0'));
            i += 3;
        } else {
            out += text[i];
        }
    }
    return out;
}

bool contains(std::vector<std::string> const& list, std::string_view word) {
    return std::ranges::find(list, word) != list.end();
}

}  // namespace

std::vector<std::string> split(std::string_view text, char separator) {
    std::vector<std::string> parts;
    while (!text.empty()) {
        auto const end = std::min(text.find(separator), text.size());
        if (end > 0) {
            parts.emplace_back(text.substr(0, end));
        }
        text.remove_prefix(std::min(end + 1, text.size()));
    }
    return parts;
}

bool mount_fact::has(std::string_view option) const { return contains(options, option); }
bool mount_fact::super_has(std::string_view option) const {
    return contains(super_options, option);
}

std::vector<mount_fact> parse_mountinfo(std::string_view text) {
    std::vector<mount_fact> mounts;
    for (auto const& line : split(text, '\n')) {
        auto const words = split(line, ' ');
        auto const dash = std::ranges::find(words, "-");
        auto const fixed = static_cast<std::size_t>(dash - words.begin());
        if (fixed < 6 || fixed + 2 > words.size()) {
            continue;
        }
        mount_fact m;
        m.root = unescaped(words[3]);
        m.mount_point = unescaped(words[4]);
        m.options = split(words[5], ',');
        m.type = words[fixed + 1];
        m.super_options = split(words.back(), ',');
        mounts.push_back(std::move(m));
    }
    return mounts;
}

std::map<std::string, std::string> parse_status(std::string_view text) {
    std::map<std::string, std::string> values;
    for (auto const& line : split(text, '\n')) {
        auto const colon = line.find(':');
        if (colon != std::string::npos) {
            std::string value{trimmed(std::string_view{line}.substr(colon + 1))};
            std::ranges::replace(value, '\t', ' ');
            values.emplace(line.substr(0, colon), std::move(value));
        }
    }
    return values;
}

std::map<std::string, rlimit_fact> parse_limits(std::string_view text) {
    // Columns of fixed width: the name 25 wide, then two values of 20 (fs/proc/base.c).
    std::map<std::string, rlimit_fact> limits;
    for (auto const& line : split(text, '\n')) {
        auto const words =
            split(std::string_view{line}.substr(std::min<std::size_t>(25, line.size())), ' ');
        if (words.size() >= 2) {
            limits.emplace(trimmed(std::string_view{line}.substr(0, 25)),
                           rlimit_fact{words[0], words[1]});
        }
    }
    return limits;
}

std::vector<std::string> interfaces_of(std::string_view net_dev) {
    std::vector<std::string> names;
    for (auto const& line : split(net_dev, '\n')) {
        auto const colon = line.find(':');
        if (colon != std::string::npos) {
            names.emplace_back(trimmed(std::string_view{line}.substr(0, colon)));
        }
    }
    return names;
}

std::optional<std::uint64_t> parse_start_time(std::string_view stat) {
    // The name may hold anything, brackets too; fields are counted after the last one.
    auto const bracket = stat.rfind(')');
    if (bracket == std::string_view::npos) {
        return std::nullopt;
    }
    auto const fields = split(stat.substr(bracket + 1), ' ');
    std::uint64_t ticks = 0;
    if (fields.size() < 20 ||
        std::from_chars(fields[19].data(), fields[19].data() + fields[19].size(), ticks).ec !=
            std::errc{}) {
        return std::nullopt;
    }
    return ticks;
}

}  // namespace broker
