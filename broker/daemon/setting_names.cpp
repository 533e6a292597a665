// SPDX-License-Identifier: Apache-2.0
// Finding settings by name, and the one that a mistyped name meant.
// Never suggests what is not near. Pure.
#include "broker/daemon/setting_table.hpp"

#include <algorithm>
#include <numeric>
#include <vector>

namespace broker {
namespace {

/// Levenshtein: letters to insert, delete or change.
std::size_t distance(std::string_view a, std::string_view b) {
    std::vector<std::size_t> row(b.size() + 1);
    std::iota(row.begin(), row.end(), std::size_t{0});
    for (std::size_t i = 1; i <= a.size(); ++i) {
        std::size_t diagonal = row[0];
        row[0] = i;
        for (std::size_t j = 1; j <= b.size(); ++j) {
            auto const change = diagonal + (a[i - 1] == b[j - 1] ? 0U : 1U);
            diagonal = row[j];
            row[j] = std::min({row[j] + 1, row[j - 1] + 1, change});
        }
    }
    return row[b.size()];
}

}  // namespace

setting const* find_setting(std::string_view key) noexcept {
    auto const all = setting_table();
    auto const found = std::ranges::find(all, key, &setting::key);
    return found == all.end() ? nullptr : &*found;
}

std::optional<std::string_view> nearest_setting(std::string_view key) {
    if (key.size() > 64) {
        return std::nullopt;
    }
    // A name under a table ([server] listen) is most likely the name without it.
    if (auto const dot = key.rfind('.'); dot != std::string_view::npos) {
        key = key.substr(dot + 1);
    }
    auto const all = setting_table();
    auto const near = std::ranges::min_element(
        all, {}, [&](setting const& row) { return distance(key, row.key); });
    if (distance(key, near->key) * 3 <= key.size()) {
        return near->key;
    }
    // A part of a name, first at its beginning: `memory` for memory_bytes.
    std::optional<std::string_view> part;
    std::size_t best = std::string_view::npos;
    for (auto const& row : all) {
        if (auto const at = row.key.find(key); key.size() >= 4 && at < best) {
            best = at;
            part = row.key;
        }
    }
    return part;
}

}  // namespace broker
