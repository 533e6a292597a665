// SPDX-License-Identifier: Apache-2.0
// A JSON web token as text: its envelope (RFC 7515 compact form), then its claims (RFC 7519).
// Never decides whether a token is good, and never puts a piece of one into a sentence.
// Values and views into the token; any thread.
#pragma once

#include "broker/base/result.hpp"

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace http {

/// Larger ones are refused unread. LibreChat's have less than 1 KiB.
inline constexpr std::size_t max_token_bytes = 8192;

/// What must be known to verify the signature. Nothing in it is to be believed yet.
struct token_envelope {
    std::string algorithm;
    std::optional<std::string> key_id;
    std::string_view signed_text;  // of the token, like `payload`
    std::string_view payload;      // still base64url
    std::string signature;
};

/// `invalid_field` with a sentence for the client, such as "it is not three parts of base64url
/// joined by dots". A `typ` other than JWT is refused, for it is a token for something else (RFC
/// 8725 §3.11), and so is `crit`, since no extension is known here. Keys that a token brings along
/// or points to (`jwk`, `jku`, `x5c`, `x5u`) are not looked at.
broker::result<token_envelope> open_token(std::string_view token);

/// Claims are absent where the token has none; times are seconds since 1970.
struct token_claims {
    std::optional<std::string> issuer;
    std::vector<std::string> audiences;
    std::optional<std::string> subject;
    std::optional<std::string> tenant_id;  // LibreChat's
    std::optional<double> expires;
    std::optional<double> not_before;
    std::optional<double> issued;
};

/// Of a payload whose signature is right. `invalid_field`: it is no JSON object, or a claim has a
/// wrong type or an impossible value; other claims are not looked at. A name is 1 to 256 bytes
/// without control characters, so that a NUL can stand between names.
broker::result<token_claims> read_claims(std::string_view payload);

}  // namespace http
