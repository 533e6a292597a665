// SPDX-License-Identifier: Apache-2.0
// UTF-8 by the table of RFC 3629 section 4, with a fast path for ASCII.
// Never reads past the end of what it was given. Pure; any thread.
#include "kernelproto/wire/utf8.hpp"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>

namespace kernelproto {
namespace {

struct step {
    std::size_t length = 0;
    bool valid = false;
};

/// What may follow a first byte: how many bytes, and the bounds of the first of them.
struct lead {
    std::size_t trail = 0;  // 0: not a first byte
    unsigned char low = 0x80;
    unsigned char high = 0xBF;
};

lead lead_of(unsigned char first) noexcept {
    if (first >= 0xC2 && first <= 0xDF) {
        return {1};
    }
    if (first >= 0xE0 && first <= 0xEF) {
        return {2, static_cast<unsigned char>(first == 0xE0 ? 0xA0 : 0x80),
                static_cast<unsigned char>(first == 0xED ? 0x9F : 0xBF)};
    }
    if (first >= 0xF0 && first <= 0xF4) {
        return {3, static_cast<unsigned char>(first == 0xF0 ? 0x90 : 0x80),
                static_cast<unsigned char>(first == 0xF4 ? 0x8F : 0xBF)};
    }
    return {};
}

/// Precondition: `at` is inside `bytes`.
step next_character(std::string_view bytes, std::size_t at) noexcept {
    auto const byte = [&](std::size_t i) {
        return static_cast<unsigned char>(bytes[i]);
    };
    if (byte(at) < 0x80) {
        return {1, true};
    }
    auto const rule = lead_of(byte(at));
    if (rule.trail == 0) {
        return {1, false};
    }
    auto low = rule.low;
    auto high = rule.high;
    for (std::size_t i = 1; i <= rule.trail; ++i) {
        if (at + i >= bytes.size() || byte(at + i) < low || byte(at + i) > high) {
            return {i, false};
        }
        low = 0x80;
        high = 0xBF;
    }
    return {rule.trail + 1, true};
}

std::size_t skip_ascii(std::string_view bytes, std::size_t at) noexcept {
    constexpr std::uint64_t high_bits = 0x8080808080808080U;
    while (at + sizeof(std::uint64_t) <= bytes.size()) {
        std::uint64_t word = 0;
        std::memcpy(&word, bytes.data() + at, sizeof word);
        if ((word & high_bits) != 0) {
            break;
        }
        at += sizeof word;
    }
    while (at < bytes.size() && static_cast<unsigned char>(bytes[at]) < 0x80) {
        ++at;
    }
    return at;
}

/// Length of the longest valid beginning.
std::size_t valid_prefix(std::string_view bytes, std::size_t at) noexcept {
    while ((at = skip_ascii(bytes, at)) < bytes.size()) {
        auto const found = next_character(bytes, at);
        if (!found.valid) {
            return at;
        }
        at += found.length;
    }
    return at;
}

}  // namespace

bool is_utf8(std::string_view bytes) noexcept { return valid_prefix(bytes, 0) == bytes.size(); }

std::string repair_utf8(std::string_view bytes) {
    constexpr std::string_view replacement = "\xEF\xBF\xBD";
    auto const most = bytes.size() + max_repair_growth;
    std::string out;
    out.reserve(std::min(bytes.size() * replacement.size(), most));  // it never moves
    std::size_t at = 0;
    while (at < bytes.size()) {
        auto const good = valid_prefix(bytes, at);
        out.append(bytes.substr(at, good - at));
        at = good;
        if (at < bytes.size()) {
            at += next_character(bytes, at).length;
            bool const fits = out.size() + replacement.size() + (bytes.size() - at) <= most;
            out.append(fits ? replacement : "?");
        }
    }
    return out;
}

}  // namespace kernelproto
