// SPDX-License-Identifier: Apache-2.0
// PEM and JWK sets into keys of OpenSSL, and the one way they are used.
// Never a deprecated call, and never a prompt for a pass phrase. Any thread.
#include "http/api/token_keys.hpp"

#include "http/proto/json_web_keys.hpp"

#include <fmt/format.h>
#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/param_build.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>

#include <algorithm>
#include <utility>

namespace http::api {
namespace {

using broker::result;
using key_bits = std::shared_ptr<EVP_PKEY>;

/// Below: RFC 7518 §3.3 forbids. Above: a signature takes as long as many requests.
constexpr int least_rsa_bits = 2048;
constexpr int most_rsa_bits = 8192;
/// Smaller ones make mistakes of others fatal (FIPS 186-5 §5.4 wants the same).
constexpr BN_ULONG least_exponent = 65537;

template <auto Free>
struct freed {
    template <class T>
    void operator()(T* what) const {
        Free(what);
    }
};
using bio_ptr = std::unique_ptr<BIO, freed<BIO_free>>;
using number_ptr = std::unique_ptr<BIGNUM, freed<BN_free>>;
using context_ptr = std::unique_ptr<EVP_PKEY_CTX, freed<EVP_PKEY_CTX_free>>;
using digest_ptr = std::unique_ptr<EVP_MD_CTX, freed<EVP_MD_CTX_free>>;
using builder_ptr = std::unique_ptr<OSSL_PARAM_BLD, freed<OSSL_PARAM_BLD_free>>;
using params_ptr = std::unique_ptr<OSSL_PARAM, freed<OSSL_PARAM_free>>;

broker::failure wrong(std::string sentence) {
    return broker::fail(broker::errc::internal, std::move(sentence));
}

unsigned char const* bytes(std::string_view text) {
    return reinterpret_cast<unsigned char const*>(text.data());
}

key_bits own(EVP_PKEY* made) {
    // What failed on the way is told by the missing key; the queue belongs to the thread.
    ERR_clear_error();
    return made == nullptr ? key_bits{} : key_bits{made, EVP_PKEY_free};
}

number_ptr number_of(std::string_view big_endian) {
    return number_ptr{BN_bin2bn(bytes(big_endian), static_cast<int>(big_endian.size()), nullptr)};
}

key_bits make_rsa(std::string_view modulus, std::string_view exponent) {
    auto const n = number_of(modulus);
    auto const e = number_of(exponent);
    builder_ptr const builder{OSSL_PARAM_BLD_new()};
    if (!n || !e || !builder ||
        OSSL_PARAM_BLD_push_BN(builder.get(), OSSL_PKEY_PARAM_RSA_N, n.get()) != 1 ||
        OSSL_PARAM_BLD_push_BN(builder.get(), OSSL_PKEY_PARAM_RSA_E, e.get()) != 1) {
        return own(nullptr);
    }
    params_ptr const params{OSSL_PARAM_BLD_to_param(builder.get())};
    context_ptr const context{EVP_PKEY_CTX_new_from_name(nullptr, "RSA", nullptr)};
    EVP_PKEY* made = nullptr;
    if (!params || !context || EVP_PKEY_fromdata_init(context.get()) != 1 ||
        EVP_PKEY_fromdata(context.get(), &made, EVP_PKEY_PUBLIC_KEY, params.get()) != 1) {
        return own(nullptr);
    }
    return own(made);
}

key_bits make_bits(json_web_key const& from) {
    return from.ed25519.empty()
               ? make_rsa(from.rsa_modulus, from.rsa_exponent)
               : own(EVP_PKEY_new_raw_public_key(EVP_PKEY_ED25519, nullptr, bytes(from.ed25519),
                                                 from.ed25519.size()));
}

int no_pass_phrase(char*, int, int, void*) { return -1; }

/// What speaks against the key, as the end of a sentence; empty: nothing.
std::string judge_rsa(EVP_PKEY const* bits) {
    if (int const size = EVP_PKEY_get_bits(bits); size < least_rsa_bits || size > most_rsa_bits) {
        return fmt::format("is RSA of {} bits; {} to {} are taken", size, least_rsa_bits,
                           most_rsa_bits);
    }
    BIGNUM* exponent = nullptr;
    number_ptr const least{BN_new()};
    bool const read = EVP_PKEY_get_bn_param(bits, OSSL_PKEY_PARAM_RSA_E, &exponent) == 1;
    number_ptr const owned{exponent};
    if (!read || !least || BN_set_word(least.get(), least_exponent) != 1 ||
        BN_cmp(exponent, least.get()) < 0 || BN_num_bits(exponent) > 64) {
        return "has an RSA exponent that is not 65537 to 2^64";
    }
    return {};
}

/// The key with its algorithm, or what speaks against it.
result<token_keys::key> judge(key_bits bits) {
    token_keys::key out;
    if (!bits) {
        return wrong("cannot be read as a key");
    }
    if (EVP_PKEY_is_a(bits.get(), "ED25519") == 1) {
        out.algorithm = token_algorithm::eddsa;
    } else if (EVP_PKEY_is_a(bits.get(), "RSA") == 1) {
        out.algorithm = token_algorithm::rs256;
        if (auto why = judge_rsa(bits.get()); !why.empty()) {
            return wrong(std::move(why));
        }
    } else {
        return wrong("is neither an Ed25519 nor an RSA key");
    }
    context_ptr const context{EVP_PKEY_CTX_new_from_pkey(nullptr, bits.get(), nullptr)};
    bool const sound = context && EVP_PKEY_public_check(context.get()) == 1;
    ERR_clear_error();
    if (!sound) {
        return wrong("is not a sound key");
    }
    out.bits = std::move(bits);
    return out;
}

/// `lc-2026` of /etc/keys/lc-2026.pem.
std::string id_of_path(std::string_view path) {
    auto name = path.substr(path.rfind('/') + 1);
    if (name.ends_with(".pem")) {
        name.remove_suffix(4);
    }
    return std::string(name);
}

result<std::vector<token_keys::key>> read_pem(token_keys::file const& from) {
    constexpr std::string_view begin = "-----BEGIN ";
    constexpr std::string_view right = "-----BEGIN PUBLIC KEY-----";
    std::string_view const text = from.text;
    if (text.find("PRIVATE KEY-----") != std::string_view::npos) {
        return wrong(
            "it holds a private key; keep that where tokens are made, and put here what "
            "`openssl pkey -pubout` makes of it");
    }
    auto const first = text.find(begin);
    if (text.substr(first, right.size()) != right) {
        return wrong("it holds something else than a public key (BEGIN PUBLIC KEY)");
    }
    if (text.find(begin, first + 1) != std::string_view::npos) {
        return wrong("it holds more than one key; put each into a file of its own");
    }
    bio_ptr const source{BIO_new_mem_buf(text.data(), static_cast<int>(text.size()))};
    auto key = judge(own(
        source ? PEM_read_bio_PUBKEY(source.get(), nullptr, no_pass_phrase, nullptr) : nullptr));
    if (!key) {
        return wrong("what it holds " + key.error().detail);
    }
    key->id = id_of_path(from.path);
    return std::vector{*std::move(key)};
}

result<std::vector<token_keys::key>> read_set(token_keys::file const& from) {
    auto const set = read_json_web_keys(from.text);
    if (!set) {
        return set.error();
    }
    std::vector<token_keys::key> out;
    for (auto const& one : *set) {
        auto key = judge(make_bits(one));
        if (!key) {
            return wrong(fmt::format("its key {} {}",
                                     one.id ? fmt::format("\"{}\"", *one.id) : "without a kid",
                                     key.error().detail));
        }
        key->id = one.id.value_or("");
        key->has_own_id = one.id.has_value();
        out.push_back(*std::move(key));
    }
    if (out.empty()) {
        return wrong("it holds no key for EdDSA (Ed25519) or RS256");
    }
    return out;
}

result<std::vector<token_keys::key>> read_file(token_keys::file const& from) {
    auto const first = from.text.find_first_not_of(" \t\r\n");
    if (first != std::string::npos && from.text[first] == '{') {
        return read_set(from);
    }
    if (from.text.find("-----BEGIN ") != std::string::npos) {
        return read_pem(from);
    }
    return wrong("it is neither PEM nor a JWK set");
}

/// What two keys side by side must not be; empty: nothing.
std::string clash(std::vector<token_keys::key> const& keys) {
    for (auto at = keys.begin(); at != keys.end(); ++at) {
        if (at->id.empty() && keys.size() > 1) {
            return "a key has no kid; beside other keys it could never be chosen";
        }
        if (std::any_of(keys.begin(), at, [&](auto const& other) { return other.id == at->id; })) {
            return fmt::format("two keys have the kid \"{}\"", at->id);
        }
    }
    return {};
}

}  // namespace

std::optional<token_algorithm> token_algorithm_of(std::string_view name) {
    if (name == "EdDSA") {
        return token_algorithm::eddsa;
    }
    return name == "RS256" ? std::optional{token_algorithm::rs256} : std::nullopt;
}

result<token_keys> token_keys::read(std::vector<file> const& files) {
    token_keys out;
    for (auto const& one : files) {
        auto read = read_file(one);
        if (!read) {
            return wrong(fmt::format("{}: {}", one.path, read.error().detail));
        }
        std::move(read->begin(), read->end(), std::back_inserter(out.keys_));
        if (auto why = clash(out.keys_); !why.empty()) {
            return wrong(fmt::format("{}: {}", one.path, why));
        }
    }
    return out;
}

token_keys::key const* token_keys::find(std::optional<std::string> const& id) const {
    if (keys_.size() == 1 && (!id || !keys_.front().has_own_id)) {
        return &keys_.front();
    }
    auto const found =
        id ? std::find_if(keys_.begin(), keys_.end(), [&](key const& k) { return k.id == *id; })
           : keys_.end();
    return found == keys_.end() ? nullptr : &*found;
}

bool has_signature(token_keys::key const& by, std::string_view text, std::string_view signature) {
    digest_ptr const context{EVP_MD_CTX_new()};
    EVP_PKEY_CTX* details = nullptr;  // belongs to the context
    bool const rsa = by.algorithm == token_algorithm::rs256;
    bool const good = context &&
                      EVP_DigestVerifyInit(context.get(), &details, rsa ? EVP_sha256() : nullptr,
                                           nullptr, by.bits.get()) == 1 &&
                      (!rsa || EVP_PKEY_CTX_set_rsa_padding(details, RSA_PKCS1_PADDING) == 1) &&
                      EVP_DigestVerify(context.get(), bytes(signature), signature.size(),
                                       bytes(text), text.size()) == 1;
    ERR_clear_error();
    return good;
}

}  // namespace http::api
