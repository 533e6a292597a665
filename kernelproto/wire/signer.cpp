// SPDX-License-Identifier: Apache-2.0
// The signer on OpenSSL's EVP_MAC. Never keys the context twice: a start without a key takes the
// first one again (EVP_MAC_init(3)). One thread at a time.
#include "kernelproto/wire/signer.hpp"

#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/params.h>

#include <stdexcept>

namespace kernelproto {
namespace {

[[noreturn]] void broken(char const* what) { throw std::runtime_error(what); }

}  // namespace

void signer::free_context::operator()(evp_mac_ctx_st* context) const noexcept {
    EVP_MAC_CTX_free(context);
}

signer::signer(std::string_view key) {
    if (key.empty()) {
        throw std::invalid_argument("signer: empty key");
    }
    EVP_MAC* const mac = EVP_MAC_fetch(nullptr, OSSL_MAC_NAME_HMAC, nullptr);
    context_.reset(EVP_MAC_CTX_new(mac));
    EVP_MAC_free(mac);  // the context holds its own reference
    char digest[] = "SHA256";
    std::array<OSSL_PARAM, 2> const settings{
        OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, digest, 0),
        OSSL_PARAM_construct_end()};
    if (context_ == nullptr ||
        EVP_MAC_init(context_.get(), reinterpret_cast<unsigned char const*>(key.data()), key.size(),
                     settings.data()) != 1) {
        broken("signer: HMAC-SHA256 is not available");
    }
}

std::array<char, signer::signature_bytes> signer::hex_digest(parts message) {
    if (EVP_MAC_init(context_.get(), nullptr, 0, nullptr) != 1) {
        broken("signer: restart failed");
    }
    for (std::string_view const part : message) {
        if (EVP_MAC_update(context_.get(), reinterpret_cast<unsigned char const*>(part.data()),
                           part.size()) != 1) {
            broken("signer: update failed");
        }
    }
    std::array<unsigned char, signature_bytes / 2> digest{};
    std::size_t length = 0;
    if (EVP_MAC_final(context_.get(), digest.data(), &length, digest.size()) != 1 ||
        length != digest.size()) {
        broken("signer: final failed");
    }
    constexpr std::string_view digits = "0123456789abcdef";
    std::array<char, signature_bytes> hex{};
    for (std::size_t i = 0; i < digest.size(); ++i) {
        hex[2 * i] = digits[digest[i] >> 4U];
        hex[2 * i + 1] = digits[digest[i] & 15U];
    }
    return hex;
}

std::string signer::sign(parts message) {
    auto const hex = hex_digest(message);
    return {hex.begin(), hex.end()};
}

bool signer::verify(parts message, std::string_view signature) {
    if (signature.size() != signature_bytes) {
        return false;
    }
    auto const expected = hex_digest(message);
    return CRYPTO_memcmp(expected.data(), signature.data(), expected.size()) == 0;
}

}  // namespace kernelproto
