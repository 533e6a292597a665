// SPDX-License-Identifier: Apache-2.0
// Frames of a peer through the codec, with and without a right signature. No input may crash it,
// and what it accepts must come out as it went in. One thread.
#include "kernelproto/wire/codec.hpp"

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <cstdlib>

using namespace kernelproto;

extern "C" int LLVMFuzzerTestOneInput(std::uint8_t const* data, std::size_t size) {
    static signer keys("secret");
    if (size < 1) {
        return 0;
    }
    bool const sign = (data[0] & 1U) != 0;
    std::string_view const input(reinterpret_cast<char const*>(data) + 1, size - 1);
    frame_list frames;
    for (std::size_t at = 0; at <= input.size();) {
        auto const end = std::min(input.find('\n', at), input.size());
        frames.emplace_back(std::string(input.substr(at, end - at)));
        at = end + 1;
    }
    if (sign && frames.size() >= 4) {
        std::array<std::string_view, 4> const parts{frames[0].bytes(), frames[1].bytes(),
                                                    frames[2].bytes(), frames[3].bytes()};
        frames.insert(frames.begin(), {frame{std::string("<IDS|MSG>")}, frame{keys.sign(parts)}});
    }
    frame_limits limits;
    limits.max_header_bytes = 4096;
    auto const heard = decode(frames, keys, limits);
    if (!heard) {
        return 0;
    }
    outgoing again;
    again.head = heard->head;
    again.parent = heard->parent;
    again.content = std::string(heard->content.bytes());
    auto const twice = decode(encode(again, keys), keys, {});
    if (!twice || twice->head != heard->head || twice->content.bytes() != heard->content.bytes()) {
        std::abort();
    }
    return 0;
}
