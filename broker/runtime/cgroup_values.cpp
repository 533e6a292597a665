// SPDX-License-Identifier: Apache-2.0
#include "broker/runtime/cgroup_values.hpp"

#include "broker/runtime/process_facts.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cmath>

namespace broker {
namespace {

using need = cgroup_setting::need;

constexpr std::uint64_t period_us = 100'000;
constexpr std::uint64_t page = 4096;

std::uint64_t quota_us(double cpus) {
    // Below one millisecond the kernel refuses.
    return std::max<std::uint64_t>(
        1000, static_cast<std::uint64_t>(std::llround(cpus * static_cast<double>(period_us))));
}

std::optional<std::uint64_t> number(std::string_view text) {
    std::uint64_t value = 0;
    auto const [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (error != std::errc{} || end != text.data() + text.size()) {
        return std::nullopt;
    }
    return value;
}

std::string_view line_of(std::string_view text) { return text.substr(0, text.find('\n')); }

bool is_size(std::string_view file) {
    return file.starts_with("memory.") && file != "memory.use_hierarchy";
}

}  // namespace

std::vector<cgroup_setting> cpu_settings_for(cgroup_mode mode, double cpus) {
    if (mode == cgroup_mode::v2) {
        return {{"cpu", "cpu.max", fmt::format("{} {}", quota_us(cpus), period_us)}};
    }
    return {{"cpu", "cpu.cfs_period_us", std::to_string(period_us)},
            {"cpu", "cpu.cfs_quota_us", std::to_string(quota_us(cpus))}};
}

std::vector<cgroup_setting> steady_settings_for(cgroup_mode mode, limits const& to) {
    auto const memory = std::to_string(to.memory_bytes);
    auto const pids = std::to_string(to.pids);
    std::vector<cgroup_setting> table;
    if (mode == cgroup_mode::v2) {
        table = {{"memory", "memory.max", memory},
                 {"memory", "memory.swap.max", "0", need::if_present},
                 {"pids", "pids.max", pids},
                 // A quarter of a neighbour's share, as 256 of 1024 is in v1.
                 {"cpu", "cpu.weight", "25"}};
    } else {
        // Memory and swap together may never be below memory, so the sum is lifted first.
        table = {{"memory", "memory.use_hierarchy", "1", need::if_present},
                 {"memory", "memory.memsw.limit_in_bytes", "-1", need::preparation},
                 {"memory", "memory.limit_in_bytes", memory},
                 {"memory", "memory.memsw.limit_in_bytes", memory, need::if_present},
                 // Where swap is not counted, at least nothing of a session goes there first.
                 {"memory", "memory.swappiness", "0", need::if_present},
                 {"pids", "pids.max", pids},
                 {"cpu", "cpu.shares", "256"}};
    }
    return table;
}

std::vector<cgroup_setting> settings_for(cgroup_mode mode, limits const& to, double cpus) {
    auto table = steady_settings_for(mode, to);
    auto cpu = cpu_settings_for(mode, cpus);
    table.insert(table.end(), cpu.begin(), cpu.end());
    return table;
}

bool reads_back(cgroup_setting const& setting, std::string_view text) {
    auto const line = line_of(text);
    if (line == setting.value) {
        return true;
    }
    auto const wanted = number(setting.value);
    auto const found = number(line);
    return is_size(setting.file) && wanted && found && *found == *wanted / page * page;
}

std::optional<std::uint64_t> parse_counter(std::string_view text, std::string_view key) {
    for (auto const& line : split(text, '\n')) {
        if (key.empty()) {
            return number(line);
        }
        if (line.starts_with(key) && line.size() > key.size() && line[key.size()] == ' ') {
            return number(std::string_view{line}.substr(key.size() + 1));
        }
    }
    return std::nullopt;
}

std::vector<std::string> const& device_rules() {
    // null, zero, full, random, urandom; reading and writing, never making.
    static std::vector<std::string> const rules{"c 1:3 rw", "c 1:5 rw", "c 1:7 rw", "c 1:8 rw",
                                                "c 1:9 rw"};
    return rules;
}

}  // namespace broker
