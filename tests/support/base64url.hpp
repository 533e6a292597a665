// SPDX-License-Identifier: Apache-2.0
// Writes base64url, which the broker only reads. Never pads. Pure.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace test {

inline std::string base64url(std::string_view bytes) {
    static constexpr char digits[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    std::string out;
    std::uint32_t bits = 0;
    unsigned held = 0;
    for (char const c : bytes) {
        bits = (bits << 8U) | static_cast<unsigned char>(c);
        for (held += 8; held >= 6; held -= 6) {
            out += digits[(bits >> (held - 6)) & 63U];
        }
    }
    if (held > 0) {
        out += digits[(bits << (6 - held)) & 63U];
    }
    return out;
}

}  // namespace test
