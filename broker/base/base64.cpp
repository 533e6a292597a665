// SPDX-License-Identifier: Apache-2.0
// Six bits a character. Never reads past the padding. Pure; any thread.
#include "broker/base/base64.hpp"

#include <cstdint>

namespace broker {

int base64_value(char c, char value_62, char value_63) noexcept {
    if (c >= 'A' && c <= 'Z') {
        return c - 'A';
    }
    if (c >= 'a' && c <= 'z') {
        return c - 'a' + 26;
    }
    if (c >= '0' && c <= '9') {
        return c - '0' + 52;
    }
    return c == value_62 ? 62 : c == value_63 ? 63 : -1;
}

std::optional<std::string> base64_bytes(std::string_view text) {
    std::string out;
    out.reserve(text.size() / 4 * 3);
    std::uint32_t bits = 0;
    std::size_t characters = 0;
    std::size_t padding = 0;
    for (char const c : text) {
        if (c == '\n' || c == '\r') {
            continue;
        }
        ++characters;
        if (c == '=') {
            ++padding;
            continue;
        }
        int const value = base64_value(c, '+', '/');
        if (value < 0 || padding > 0) {
            return std::nullopt;
        }
        bits = (bits << 6U) | static_cast<std::uint32_t>(value);
        // Of four characters the second, third and fourth complete a byte each.
        if (auto const place = characters % 4; place != 1) {
            out += static_cast<char>(bits >> (place == 0 ? 0U : place == 3 ? 2U : 4U));
        }
    }
    if (characters % 4 != 0 || padding > 2) {
        return std::nullopt;
    }
    return out;
}

}  // namespace broker
