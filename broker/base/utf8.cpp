// SPDX-License-Identifier: Apache-2.0
// UTF-8 by the table of RFC 3629, section 4. Never reads past the view. Pure.
#include "broker/base/utf8.hpp"

namespace broker {
namespace {

bool is_continuation(char c) noexcept { return (static_cast<unsigned char>(c) & 0xC0U) == 0x80U; }

}  // namespace

std::size_t utf8_sequence(std::string_view text) noexcept {
    if (text.empty()) {
        return 0;
    }
    auto const byte = [&](std::size_t i) {
        return static_cast<unsigned char>(text[i]);
    };
    unsigned char const first = byte(0);
    if (first < 0x80) {
        return 1;
    }
    std::size_t const length = first >= 0xF0 ? 4 : first >= 0xE0 ? 3 : 2;
    if (first < 0xC2 || first > 0xF4 || text.size() < length) {
        return 0;
    }
    for (std::size_t i = 1; i < length; ++i) {
        if (!is_continuation(text[i])) {
            return 0;
        }
    }
    bool const overlong = (first == 0xE0 && byte(1) < 0xA0) || (first == 0xF0 && byte(1) < 0x90);
    bool const surrogate = first == 0xED && byte(1) > 0x9F;
    bool const too_high = first == 0xF4 && byte(1) > 0x8F;
    return overlong || surrogate || too_high ? 0 : length;
}

bool is_utf8(std::string_view text) noexcept {
    while (!text.empty()) {
        std::size_t const length = utf8_sequence(text);
        if (length == 0) {
            return false;
        }
        text.remove_prefix(length);
    }
    return true;
}

std::string_view utf8_prefix(std::string_view text, std::size_t bytes) noexcept {
    if (text.size() <= bytes) {
        return text;
    }
    // A sequence has at most three continuation bytes; more are not text and may be cut anywhere.
    std::size_t cut = bytes;
    for (int i = 0; i < 3 && cut > 0 && is_continuation(text[cut]); ++i) {
        --cut;
    }
    return text.substr(0, cut);
}

std::string_view utf8_suffix(std::string_view text, std::size_t bytes) noexcept {
    if (text.size() <= bytes) {
        return text;
    }
    std::size_t cut = text.size() - bytes;
    for (int i = 0; i < 3 && cut < text.size() && is_continuation(text[cut]); ++i) {
        ++cut;
    }
    return text.substr(cut);
}

}  // namespace broker
