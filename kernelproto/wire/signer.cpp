// SPDX-License-Identifier: Apache-2.0
// The signer on OpenSSL's EVP_MAC. Never keys the context twice: a start without a key takes the
// first one again (EVP_MAC_init(3)). One thread at a time.
#include "kernelproto/wire/signer.hpp"

#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/params.h>

#include <new>
#include <stdexcept>

namespace kernelproto {
namespace {

[[noreturn]] void broken(char const* what) { throw std::runtime_error(what); }

void update(EVP_MAC_CTX* context, std::string_view bytes) {
    if (EVP_MAC_update(context, reinterpret_cast<unsigned char const*>(bytes.data()),
                       bytes.size()) != 1) {
        broken("signer: update failed");
    }
}

std::array<char, signer::signature_bytes> hex_digest(EVP_MAC_CTX* context) {
    std::array<unsigned char, signer::signature_bytes / 2> digest{};
    std::size_t length = 0;
    if (EVP_MAC_final(context, digest.data(), &length, digest.size()) != 1 ||
        length != digest.size()) {
        broken("signer: final failed");
    }
    constexpr std::string_view digits = "0123456789abcdef";
    std::array<char, signer::signature_bytes> hex{};
    for (std::size_t i = 0; i < digest.size(); ++i) {
        hex[2 * i] = digits[digest[i] >> 4U];
        hex[2 * i + 1] = digits[digest[i] & 15U];
    }
    return hex;
}

}  // namespace

void running_signature::free_context::operator()(evp_mac_ctx_st* context) const noexcept {
    EVP_MAC_CTX_free(context);
}

void running_signature::add(std::string_view bytes) { update(context_.get(), bytes); }

std::string running_signature::finish() {
    auto const hex = hex_digest(context_.get());
    return {hex.begin(), hex.end()};
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

void signer::restart() {
    if (EVP_MAC_init(context_.get(), nullptr, 0, nullptr) != 1) {
        broken("signer: restart failed");
    }
}

running_signature signer::begin() {
    restart();
    running_signature::context copy(EVP_MAC_CTX_dup(context_.get()));
    if (!copy) {
        throw std::bad_alloc();
    }
    return running_signature{std::move(copy)};
}

std::string signer::sign(parts message) {
    restart();
    for (std::string_view const part : message) {
        update(context_.get(), part);
    }
    auto const hex = hex_digest(context_.get());
    return {hex.begin(), hex.end()};
}

bool signer::verify(parts message, std::string_view signature) {
    return signature.size() == signature_bytes && same(sign(message), signature);
}

bool signer::same(std::string_view expected, std::string_view signature) noexcept {
    return expected.size() == signature_bytes && signature.size() == signature_bytes &&
           CRYPTO_memcmp(expected.data(), signature.data(), signature_bytes) == 0;
}

}  // namespace kernelproto
