// SPDX-License-Identifier: Apache-2.0
// The search for a free number. Never more than one pass. Pure.
#include "broker/core/uid_pool.hpp"

#include <vector>

namespace broker {

std::optional<std::uint32_t> free_uid(std::span<std::uint32_t const> in_use,
                                      std::uint32_t last_given) {
    constexpr std::uint32_t count = last_uid - first_uid + 1;
    std::vector<bool> taken(count, false);
    for (std::uint32_t const uid : in_use) {
        if (uid >= first_uid && uid <= last_uid) {
            taken[uid - first_uid] = true;
        }
    }
    bool const known = last_given >= first_uid && last_given <= last_uid;
    std::uint32_t const start = known ? last_given - first_uid + 1 : 0;
    for (std::uint32_t step = 0; step < count; ++step) {
        std::uint32_t const candidate = (start + step) % count;
        if (!taken[candidate]) {
            return first_uid + candidate;
        }
    }
    return std::nullopt;
}

}  // namespace broker
