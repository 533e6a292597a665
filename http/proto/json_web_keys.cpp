// SPDX-License-Identifier: Apache-2.0
// The strict JSON reader, then one key after the other. Never keeps a part of a private key.
// Pure; any thread.
#include "http/proto/json_web_keys.hpp"

#include "http/proto/base64url.hpp"
#include "http/proto/json_request.hpp"

#include <boost/json/value.hpp>
#include <fmt/format.h>

#include <algorithm>

namespace http {
namespace {

namespace json = boost::json;
using broker::result;

constexpr std::size_t most_keys = 100;
constexpr std::size_t longest_id = 256;
constexpr std::size_t longest_number = 4096;  // characters; of RSA with 16384 bits 2731

broker::failure wrong(std::string sentence) {
    return broker::fail(broker::errc::invalid_field, std::move(sentence));
}

/// Empty if it is absent or no text.
std::string_view text_of(json::object const& key, char const* name) {
    auto const* const value = key.if_contains(name);
    auto const* const text = value == nullptr ? nullptr : value->if_string();
    return text == nullptr ? std::string_view{} : std::string_view{text->data(), text->size()};
}

/// Empty if it is absent or not base64url.
std::string bytes_of(json::object const& key, char const* name) {
    auto const text = text_of(key, name);
    return text.size() > longest_number ? std::string{} : decode_base64url(text).value_or("");
}

/// A member that is absent, or a text that is one of `allowed`.
bool absent_or(json::object const& key, char const* name, std::string_view allowed) {
    return !key.contains(name) || text_of(key, name) == allowed;
}

bool is_for_verifying(json::object const& key) {
    auto const* const operations = key.if_contains("key_ops");
    auto const* const list = operations == nullptr ? nullptr : operations->if_array();
    bool const verifies =
        operations == nullptr ||
        (list != nullptr && std::any_of(list->begin(), list->end(), [](json::value const& one) {
             return one.is_string() && one.get_string() == "verify";
         }));
    return verifies && absent_or(key, "use", "sig");
}

/// Absent for a key that is passed over.
result<std::optional<json_web_key>> read_key(json::object const& key, std::size_t index) {
    auto const broken = [&](std::string_view why) {
        return wrong(fmt::format("keys[{}] {}", index, why));
    };
    auto const type = text_of(key, "kty");
    if (type.empty()) {
        return broken("has no type (kty)");
    }
    if (type == "oct" || key.contains("k")) {
        return broken("is a shared secret; only public keys are taken");
    }
    if (key.contains("d") || key.contains("p")) {
        return broken(
            "is a private key; keep it where tokens are made, and put its public part "
            "here (without d, p, q, dp, dq, qi)");
    }
    json_web_key out;
    if (key.contains("kid")) {
        out.id = text_of(key, "kid");
        if (out.id->empty() || out.id->size() > longest_id) {
            return broken(fmt::format("has a kid that is not a text of 1 to {} bytes", longest_id));
        }
    }
    if (type == "OKP" && text_of(key, "crv") == "Ed25519" && absent_or(key, "alg", "EdDSA")) {
        out.ed25519 = bytes_of(key, "x");
        if (out.ed25519.size() != 32) {
            return broken("has an x that is not 32 bytes of base64url");
        }
    } else if (type == "RSA" && absent_or(key, "alg", "RS256")) {
        out.rsa_modulus = bytes_of(key, "n");
        out.rsa_exponent = bytes_of(key, "e");
        if (out.rsa_modulus.empty() || out.rsa_exponent.empty()) {
            return broken("has an n or e that is not base64url");
        }
    } else {
        return std::optional<json_web_key>{};
    }
    return is_for_verifying(key) ? std::optional{std::move(out)} : std::nullopt;
}

}  // namespace

result<std::vector<json_web_key>> read_json_web_keys(std::string_view text) {
    auto const document = parse_json_request(text);
    if (!document) {
        return wrong(fmt::format("it is not valid JSON (see byte {})", document.error().position));
    }
    auto const* const root = document->root().if_object();
    auto const* const member = root == nullptr ? nullptr : root->if_contains("keys");
    auto const* const list = member == nullptr ? nullptr : member->if_array();
    if (list == nullptr) {
        return wrong("it is no key set: a JSON object with a list \"keys\" is wanted");
    }
    if (list->size() > most_keys) {
        return wrong(fmt::format("it has more than {} keys", most_keys));
    }
    std::vector<json_web_key> out;
    for (std::size_t i = 0; i < list->size(); ++i) {
        auto const* const key = (*list)[i].if_object();
        if (key == nullptr) {
            return wrong(fmt::format("keys[{}] is not an object", i));
        }
        auto read = read_key(*key, i);
        if (!read) {
            return read.error();
        }
        if (*read) {
            out.push_back(**std::move(read));
        }
    }
    return out;
}

}  // namespace http
