// SPDX-License-Identifier: Apache-2.0
// The private half of what the broker verifies: makes keys and tokens, right and wrong ones.
// Never used for anything but tests. Values that share the key.
#pragma once

#include "tests/support/base64url.hpp"

#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>

#include <cstddef>
#include <memory>
#include <stdexcept>
#include <string>
#include <string_view>

namespace test {

class signing_key {
public:
    /// "ED25519", or another type of OpenSSL's without parameters.
    explicit signing_key(char const* type)
        : key_(EVP_PKEY_Q_keygen(nullptr, nullptr, type), free) {}
    /// "RSA" or "RSA-PSS".
    signing_key(char const* type, int rsa_bits) : key_(generate_rsa(type, rsa_bits), free) {}
    signing_key(char const* type, char const* curve)
        : key_(EVP_PKEY_Q_keygen(nullptr, nullptr, type, curve), free) {}

    static signing_key const& ed25519() {
        static signing_key const one{"ED25519"};
        return one;
    }
    static signing_key const& rsa() {
        static signing_key const one{"RSA", 2048};
        return one;
    }

    std::string public_pem() const { return text(PEM_write_bio_PUBKEY); }
    std::string private_pem() const {
        return text([](BIO* to, EVP_PKEY* key) {
            return PEM_write_bio_PKCS8PrivateKey(to, key, nullptr, nullptr, 0, nullptr, nullptr);
        });
    }

    /// The public key; `more` stands behind its members, as `,"kid":"a"`.
    std::string jwk(std::string const& more = {}) const {
        if (EVP_PKEY_is_a(key_.get(), "ED25519") == 1) {
            std::size_t size = 32;
            std::string x(size, '\0');
            EVP_PKEY_get_raw_public_key(key_.get(), reinterpret_cast<unsigned char*>(x.data()),
                                        &size);
            return R"({"kty":"OKP","crv":"Ed25519","x":")" + base64url(x) + "\"" + more + "}";
        }
        return R"({"kty":"RSA","n":")" + number(OSSL_PKEY_PARAM_RSA_N) + R"(","e":")" +
               number(OSSL_PKEY_PARAM_RSA_E) + "\"" + more + "}";
    }

    std::string sign(std::string_view what) const {
        std::unique_ptr<EVP_MD_CTX, decltype(&EVP_MD_CTX_free)> const context{EVP_MD_CTX_new(),
                                                                              EVP_MD_CTX_free};
        bool const rsa = EVP_PKEY_is_a(key_.get(), "RSA") == 1;
        std::size_t size = 2048;
        std::string out(size, '\0');
        if (EVP_DigestSignInit(context.get(), nullptr, rsa ? EVP_sha256() : nullptr, nullptr,
                               key_.get()) != 1 ||
            EVP_DigestSign(context.get(), reinterpret_cast<unsigned char*>(out.data()), &size,
                           reinterpret_cast<unsigned char const*>(what.data()), what.size()) != 1) {
            throw std::runtime_error("a test could not sign");
        }
        out.resize(size);
        return out;
    }

    std::string token(std::string_view header, std::string_view payload) const {
        auto const what = base64url(header) + "." + base64url(payload);
        return what + "." + base64url(sign(what));
    }

private:
    static void free(EVP_PKEY* key) { EVP_PKEY_free(key); }

    static EVP_PKEY* generate_rsa(char const* type, int bits) {
        std::unique_ptr<EVP_PKEY_CTX, decltype(&EVP_PKEY_CTX_free)> const context{
            EVP_PKEY_CTX_new_from_name(nullptr, type, nullptr), EVP_PKEY_CTX_free};
        EVP_PKEY* key = nullptr;
        if (EVP_PKEY_keygen_init(context.get()) != 1 ||
            EVP_PKEY_CTX_set_rsa_keygen_bits(context.get(), bits) != 1 ||
            EVP_PKEY_generate(context.get(), &key) != 1) {
            throw std::runtime_error("a test could not make a key");
        }
        return key;
    }

    template <class Write>
    std::string text(Write write) const {
        std::unique_ptr<BIO, decltype(&BIO_free)> const to{BIO_new(BIO_s_mem()), BIO_free};
        write(to.get(), key_.get());
        char* bytes = nullptr;
        auto const size = BIO_get_mem_data(to.get(), &bytes);
        return {bytes, static_cast<std::size_t>(size)};
    }

    std::string number(char const* name) const {
        BIGNUM* value = nullptr;
        EVP_PKEY_get_bn_param(key_.get(), name, &value);
        std::string out(static_cast<std::size_t>(BN_num_bytes(value)), '\0');
        BN_bn2bin(value, reinterpret_cast<unsigned char*>(out.data()));
        BN_free(value);
        return base64url(out);
    }

    std::shared_ptr<EVP_PKEY> key_;
};

/// A token of a shared secret, which the broker must never take.
inline std::string shared_secret_token(std::string_view secret, std::string_view header,
                                       std::string_view payload) {
    auto const what = base64url(header) + "." + base64url(payload);
    unsigned char digest[EVP_MAX_MD_SIZE];
    unsigned size = 0;
    HMAC(EVP_sha256(), secret.data(), static_cast<int>(secret.size()),
         reinterpret_cast<unsigned char const*>(what.data()), what.size(), digest, &size);
    return what + "." + base64url({reinterpret_cast<char const*>(digest), size});
}

}  // namespace test
