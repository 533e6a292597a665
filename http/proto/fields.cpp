// SPDX-License-Identifier: Apache-2.0
// Look-ups in header fields, without case. Never joins two values unasked. Values; any thread.
#include "http/proto/ascii.hpp"
#include "http/proto/message.hpp"

#include <algorithm>

namespace http {

std::string const* fields::find(std::string_view name) const noexcept {
    auto const found = std::find_if(entries_.begin(), entries_.end(),
                                    [&](entry const& e) { return ascii::equal(e.first, name); });
    return found == entries_.end() ? nullptr : &found->second;
}

std::size_t fields::count(std::string_view name) const noexcept {
    return static_cast<std::size_t>(
        std::count_if(entries_.begin(), entries_.end(),
                      [&](entry const& e) { return ascii::equal(e.first, name); }));
}

std::optional<std::string> fields::joined(std::string_view name) const {
    std::optional<std::string> out;
    for (auto const& [key, value] : entries_) {
        if (ascii::equal(key, name)) {
            out = out ? *out + "," + value : value;
        }
    }
    return out;
}

}  // namespace http
