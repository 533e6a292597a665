// SPDX-License-Identifier: Apache-2.0
// Bytes of a stream become text. Never holds back more than three bytes. Pure; one owner.
#include "images/language-kernel/output_text.hpp"

#include "kernelproto/wire/utf8.hpp"

#include <algorithm>
#include <utility>

namespace language_kernel {
namespace {

std::string as_text(std::string bytes) {
    return kernelproto::is_utf8(bytes) ? std::move(bytes) : kernelproto::repair_utf8(bytes);
}

}  // namespace

std::size_t begun_character(std::string_view bytes) noexcept {
    auto const most = std::min<std::size_t>(3, bytes.size());
    for (std::size_t back = 1; back <= most; ++back) {
        auto const byte = static_cast<unsigned char>(bytes[bytes.size() - back]);
        if (byte < 0x80) {
            return 0;
        }
        if (byte >= 0xC0) {
            std::size_t const length = byte >= 0xF0 ? 4 : byte >= 0xE0 ? 3 : 2;
            return back < length ? back : 0;
        }
    }
    return 0;
}

std::optional<milliseconds> output_text::due(milliseconds now) const {
    auto const whole = held_.size() - begun_character(held_);
    if (whole == 0) {
        return std::nullopt;
    }
    if (whole >= piece_bytes || !taken_) {
        return now;
    }
    return std::max(now, *taken_ + pause);
}

std::string output_text::take(milliseconds now) {
    taken_ = now;
    std::string rest = held_.substr(held_.size() - begun_character(held_));
    held_.resize(held_.size() - rest.size());
    return as_text(std::exchange(held_, std::move(rest)));
}

std::string output_text::take_all() { return as_text(std::exchange(held_, {})); }

}  // namespace language_kernel
