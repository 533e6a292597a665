// SPDX-License-Identifier: Apache-2.0
// SHA-256 by OpenSSL's EVP, which uses what the processor has. Never allocates per piece: one
// context, one buffer. Any thread, one at a time.
#include "broker/base/sha256.hpp"

#include <openssl/evp.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstddef>
#include <stdexcept>
#include <vector>

namespace broker {
namespace {

void must(int answer) {
    if (answer != 1) {
        throw std::runtime_error("SHA-256 is not available in this OpenSSL");
    }
}

int hex_value(char c) {
    if (c >= '0' && c <= '9') {
        return c - '0';
    }
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

}  // namespace

struct sha256::state {
    struct free_context {
        void operator()(EVP_MD_CTX* context) const { EVP_MD_CTX_free(context); }
    };
    std::unique_ptr<EVP_MD_CTX, free_context> evp{EVP_MD_CTX_new()};
};

sha256::sha256() : state_(std::make_unique<state>()) {
    must(EVP_DigestInit_ex(state_->evp.get(), EVP_sha256(), nullptr));
}
sha256::sha256(sha256&&) noexcept = default;
sha256& sha256::operator=(sha256&&) noexcept = default;
sha256::~sha256() = default;

void sha256::add(std::string_view bytes) {
    must(EVP_DigestUpdate(state_->evp.get(), bytes.data(), bytes.size()));
}

sha256_digest sha256::finish() {
    sha256_digest digest{};
    must(EVP_DigestFinal_ex(state_->evp.get(), digest.data(), nullptr));
    return digest;
}

std::string to_hex(sha256_digest const& digest) {
    constexpr std::string_view digits = "0123456789abcdef";
    std::string text;
    text.reserve(2 * digest.size());
    for (auto const byte : digest) {
        text += digits[byte >> 4U];
        text += digits[byte & 15U];
    }
    return text;
}

std::optional<sha256_digest> sha256_from_hex(std::string_view text) {
    sha256_digest digest{};
    if (text.size() != 2 * digest.size()) {
        return std::nullopt;
    }
    for (std::size_t i = 0; i < digest.size(); ++i) {
        int const high = hex_value(text[2 * i]);
        int const low = hex_value(text[2 * i + 1]);
        if (high < 0 || low < 0) {
            return std::nullopt;
        }
        digest[i] = static_cast<std::uint8_t>(high * 16 + low);
    }
    return digest;
}

std::optional<sha256_digest> sha256_of_file(int fd, std::uint64_t size) {
    constexpr std::uint64_t piece = std::uint64_t{256} * 1024;
    std::vector<char> buffer(
        static_cast<std::size_t>(std::min(std::max<std::uint64_t>(size, 1), piece)));
    sha256 hash;
    std::uint64_t done = 0;
    while (done < size) {
        auto const wanted =
            static_cast<std::size_t>(std::min<std::uint64_t>(buffer.size(), size - done));
        ssize_t const got = pread(fd, buffer.data(), wanted, static_cast<off_t>(done));
        if (got < 0 && errno == EINTR) {
            continue;
        }
        if (got <= 0) {
            return std::nullopt;
        }
        hash.add({buffer.data(), static_cast<std::size_t>(got)});
        done += static_cast<std::uint64_t>(got);
    }
    return hash.finish();
}

}  // namespace broker
