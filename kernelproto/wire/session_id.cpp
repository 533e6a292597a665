// SPDX-License-Identifier: Apache-2.0
// Session ids from OpenSSL's generator. Never a clock or a counter. Any thread.
#include "kernelproto/wire/session_id.hpp"

#include <openssl/rand.h>

#include <array>
#include <stdexcept>
#include <string_view>

namespace kernelproto {

std::string make_session_id() {
    constexpr std::string_view digits = "0123456789abcdef";
    std::array<unsigned char, 16> bytes{};
    if (RAND_bytes(bytes.data(), static_cast<int>(bytes.size())) != 1) {
        throw std::runtime_error("RAND_bytes failed");
    }
    std::string id;
    for (auto const byte : bytes) {
        id += digits[byte >> 4U];
        id += digits[byte & 15U];
    }
    return id;
}

}  // namespace kernelproto
