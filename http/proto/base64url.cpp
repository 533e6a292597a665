// SPDX-License-Identifier: Apache-2.0
// Six bits a character. Never skips one. Pure; any thread.
#include "http/proto/base64url.hpp"

#include "broker/base/base64.hpp"

#include <cstdint>

namespace http {

std::optional<std::string> decode_base64url(std::string_view text) {
    if (text.size() % 4 == 1) {
        return std::nullopt;
    }
    std::string out;
    out.reserve(text.size() / 4 * 3 + 2);
    std::uint32_t bits = 0;
    unsigned held = 0;
    for (char const c : text) {
        int const value = broker::base64_value(c, '-', '_');
        if (value < 0) {
            return std::nullopt;
        }
        bits = (bits << 6U) | static_cast<std::uint32_t>(value);
        held += 6;
        if (held >= 8) {
            held -= 8;
            out += static_cast<char>((bits >> held) & 0xffU);
        }
    }
    bool const clean = (bits & ((1U << held) - 1U)) == 0;
    return clean ? std::optional{std::move(out)} : std::nullopt;
}

}  // namespace http
