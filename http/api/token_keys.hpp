// SPDX-License-Identifier: Apache-2.0
// The public keys that tokens are verified with: read from texts of an operator, chosen by kid.
// Never takes a private key, a shared one, or one that is too weak. Values that share the keys
// themselves; any thread.
#pragma once

#include "broker/base/result.hpp"

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

struct evp_pkey_st;  // OpenSSL's EVP_PKEY

namespace http::api {

/// A key's type has exactly one: what a token says about it is compared, and decides nothing.
enum class token_algorithm : std::uint8_t {
    eddsa,  // Ed25519 (RFC 8037 §3.1)
    rs256,  // RSASSA-PKCS1-v1_5 with SHA-256 (RFC 7518 §3.3)
};

/// "EdDSA", "RS256"; absent for every other name.
std::optional<token_algorithm> token_algorithm_of(std::string_view name);

class token_keys {
public:
    struct file {
        std::string path;  // for sentences, and for the kid of a PEM file
        std::string text;
        bool operator==(file const&) const = default;
    };
    struct key {
        token_algorithm algorithm = token_algorithm::eddsa;
        std::string id;
        bool has_own_id = false;  // said by the key, not by its file's name
        std::shared_ptr<evp_pkey_st> bits;
    };

    /// No keys: no token is good.
    token_keys() = default;

    /// Each file is one key in PEM ("BEGIN PUBLIC KEY"), whose kid is the file's name without .pem,
    /// or a JWK set. `internal` with a sentence for the operator: a file that is neither or is
    /// broken, a key that is private, shared, RSA below 2048 bits or above 8192, two of one kid,
    /// one in a set that has none beside other keys, or a file without any usable key.
    static broker::result<token_keys> read(std::vector<file> const& files);

    /// The key for a token that names `id`, or names none. The only key of all serves tokens
    /// that name none, and if no kid is written in it, tokens of any. nullptr: there is no such
    /// key.
    key const* find(std::optional<std::string> const& id) const;

    std::vector<key> const& all() const noexcept { return keys_; }

private:
    std::vector<key> keys_;
};

/// Whether `signature` of `text` is made with the private half of `by`, by its algorithm.
bool has_signature(token_keys::key const& by, std::string_view text, std::string_view signature);

}  // namespace http::api
