// SPDX-License-Identifier: Apache-2.0
// A set of public keys in JSON (JWK set, RFC 7517), as an operator's file holds it.
// Never takes a private or a shared key: who puts one here has shown it to a program that must not
// have it. Values; any thread.
#pragma once

#include "broker/base/result.hpp"

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace http {

struct json_web_key {
    std::optional<std::string> id;  // kid
    // Bytes: of Ed25519 the point (RFC 8037 §2), else of RSA both numbers, big-endian (RFC 7518
    // §6.3.1). The others are empty.
    std::string ed25519;
    std::string rsa_modulus;
    std::string rsa_exponent;
};

/// Keys that verify EdDSA by Ed25519, or RS256. As RFC 7517 §5 wants, a key of another type, use or
/// algorithm is passed over. `invalid_field` with a sentence: not a set, a key that is broken,
/// private or shared, or more than a hundred.
broker::result<std::vector<json_web_key>> read_json_web_keys(std::string_view text);

}  // namespace http
