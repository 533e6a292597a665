// SPDX-License-Identifier: Apache-2.0
// Which user a session's processes are on the host. Never gives a number of which anything is left.
// Pure.
#pragma once

#include <cstdint>
#include <optional>
#include <span>

namespace broker {

inline constexpr std::uint32_t first_uid = 200'000;
inline constexpr std::uint32_t last_uid = 299'999;

/// The next free number after `last_given`, round and round, so that one just freed rests longest;
/// nothing when all are taken. `in_use` in any order, other numbers are ignored.
std::optional<std::uint32_t> free_uid(std::span<std::uint32_t const> in_use,
                                      std::uint32_t last_given = last_uid);

}  // namespace broker
