// SPDX-License-Identifier: Apache-2.0
// Random ids from getrandom(2). Never a clock, a counter or a seeded generator. Any thread.
#include "broker/base/ids.hpp"

#include <sys/random.h>

#include <algorithm>
#include <array>
#include <stdexcept>

namespace broker {
namespace {

constexpr std::string_view alphabet =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-";
constexpr std::size_t length = 21;

}  // namespace

std::string make_random_id() {
    std::array<unsigned char, length> bytes{};
    // Requests of up to 256 bytes are never cut short once the generator is seeded (getrandom(2)).
    if (getrandom(bytes.data(), bytes.size(), 0) != static_cast<ssize_t>(bytes.size())) {
        throw std::runtime_error("getrandom failed");
    }
    std::string id(length, '\0');
    std::transform(bytes.begin(), bytes.end(), id.begin(),
                   [](unsigned char b) { return alphabet[b & 63U]; });
    return id;
}

bool is_random_id(std::string_view text) noexcept {
    return text.size() == length && text.find_first_not_of(alphabet) == std::string_view::npos;
}

}  // namespace broker
