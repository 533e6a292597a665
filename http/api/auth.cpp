// SPDX-License-Identifier: Apache-2.0
// Credentials of three forms, blocks of addresses, and the decision.
// Never says which part of a credential was wrong. On the loop.
#include "http/api/auth.hpp"

#include "http/proto/ascii.hpp"
#include "http/proto/refusal.hpp"

#include <arpa/inet.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/sha.h>

#include <algorithm>
#include <cstring>

namespace http::api {
namespace {

struct credentials {
    bool present = false;
    std::string key;  // empty if malformed
};

constexpr std::size_t longest_key = 512;

/// base64 of RFC 4648 with its padding; absent if it is anything else.
std::optional<std::string> decode_base64(std::string_view text) {
    if (text.empty() || text.size() % 4 != 0 || text.size() > 2 * longest_key) {
        return std::nullopt;
    }
    std::string out(text.size() / 4 * 3, '\0');
    // EVP_DecodeBlock skips white space at the ends; a credential has none.
    bool const clean = std::all_of(text.begin(), text.end(), [](char c) {
        return ascii::is_alnum(c) || c == '+' || c == '/' || c == '=';
    });
    int const length = clean ? EVP_DecodeBlock(reinterpret_cast<unsigned char*>(out.data()),
                                               reinterpret_cast<unsigned char const*>(text.data()),
                                               static_cast<int>(text.size()))
                             : -1;
    if (length < 0) {
        return std::nullopt;
    }
    auto const padding = static_cast<std::size_t>(text.ends_with("==")  ? 2
                                                  : text.ends_with('=') ? 1
                                                                        : 0);
    out.resize(static_cast<std::size_t>(length) - padding);
    return out;
}

credentials from_authorization(std::string_view value) {
    auto const space = value.find(' ');
    auto const scheme = value.substr(0, space);
    auto const rest =
        space == std::string_view::npos ? std::string_view{} : ascii::trim(value.substr(space));
    if (ascii::equal(scheme, "Bearer")) {
        return {true, std::string(rest)};
    }
    if (ascii::equal(scheme, "Basic")) {
        auto const decoded = decode_base64(rest);
        return {true, decoded ? decoded->substr(0, decoded->find(':')) : std::string{}};
    }
    return {true, {}};
}

credentials credentials_of(fields const& headers) {
    if (auto const count = headers.count("X-API-Key"); count != 0) {
        return {true, count == 1 ? *headers.find("X-API-Key") : std::string{}};
    }
    if (auto const count = headers.count("Authorization"); count != 0) {
        return count == 1 ? from_authorization(*headers.find("Authorization"))
                          : credentials{true, {}};
    }
    return {};
}

response refused(bool present) {
    auto out = refuse(refusal::unauthorized,
                      present ? "The key is not known. Send it as X-API-Key, as a Bearer token, or "
                                "as the user of Basic."
                              : "No key was sent. Send it as X-API-Key, as a Bearer token, or as "
                                "the user of Basic.");
    out.headers.add("WWW-Authenticate", "Bearer realm=\"kernel-broker\"");
    out.headers.add("WWW-Authenticate", "Basic realm=\"kernel-broker\", charset=\"UTF-8\"");
    return out;
}

using ip_bytes = std::array<unsigned char, 16>;

/// The IPv6 form; `is_v4` tells whether it was written as IPv4.
std::optional<ip_bytes> parse_address(std::string_view text, bool& is_v4) {
    std::string const terminated(text);
    ip_bytes bytes{};
    is_v4 = false;
    if (text.find('\0') != std::string_view::npos) {
        return std::nullopt;
    }
    if (inet_pton(AF_INET6, terminated.c_str(), bytes.data()) == 1) {
        return bytes;
    }
    bytes = {};
    bytes[10] = bytes[11] = 0xff;
    is_v4 = true;
    if (inet_pton(AF_INET, terminated.c_str(), bytes.data() + 12) == 1) {
        return bytes;
    }
    return std::nullopt;
}

bool bit(ip_bytes const& bytes, unsigned at) {
    return ((static_cast<unsigned>(bytes[at / 8]) >> (7 - at % 8)) & 1U) != 0;
}

}  // namespace

key_hash hash_key(std::string_view key) {
    key_hash hash{};
    SHA256(reinterpret_cast<unsigned char const*>(key.data()), key.size(), hash.data());
    return hash;
}

std::optional<std::string> key_ring::tenant_of(key_hash const& hash) const {
    key const* found = nullptr;
    for (auto const& candidate : keys_) {
        if (CRYPTO_memcmp(candidate.hash.data(), hash.data(), hash.size()) == 0) {
            found = &candidate;
        }
    }
    return found == nullptr ? std::nullopt : std::optional(found->tenant);
}

std::optional<network> network::parse(std::string_view text) {
    auto const slash = text.find('/');
    bool is_v4 = false;
    auto const bytes = parse_address(text.substr(0, slash), is_v4);
    if (!bytes) {
        return std::nullopt;
    }
    network out;
    out.bytes_ = *bytes;
    if (slash != std::string_view::npos) {
        auto const digits = text.substr(slash + 1);
        auto const prefix = ascii::to_number(digits);
        if (!prefix || digits.size() > 3 || *prefix > (is_v4 ? 32U : 128U)) {
            return std::nullopt;
        }
        out.bits_ = static_cast<unsigned>(*prefix) + (is_v4 ? 96U : 0U);
    }
    for (unsigned i = out.bits_; i < 128; ++i) {
        if (bit(out.bytes_, i)) {
            return std::nullopt;
        }
    }
    return out;
}

bool network::contains(std::string_view address) const {
    bool is_v4 = false;
    // A scope, as in fe80::1%eth0, is not part of the address.
    auto const bytes = parse_address(address.substr(0, address.find('%')), is_v4);
    if (!bytes) {
        return false;
    }
    for (unsigned i = 0; i < bits_; ++i) {
        if (bit(*bytes, i) != bit(bytes_, i)) {
            return false;
        }
    }
    return true;
}

bool authenticator::needs_no_key(request const& incoming) const {
    return (open_without_keys_ && keys_.empty()) ||
           std::any_of(trusted_.begin(), trusted_.end(),
                       [&](network const& block) { return block.contains(incoming.peer_address); });
}

std::variant<caller, response> authenticator::check(request const& incoming) const {
    auto const sent = credentials_of(incoming.headers);
    bool const open = needs_no_key(incoming);
    if (open && (!sent.present || keys_.empty())) {
        return caller{std::string(default_tenant)};
    }
    // Hashed and looked up even when nothing usable was sent: a missing key, a malformed one and a
    // wrong one take the same time.
    bool const usable = !sent.key.empty() && sent.key.size() <= longest_key;
    auto tenant = keys_.tenant_of(hash_key(usable ? std::string_view(sent.key) : "-"));
    if (usable && tenant) {
        return caller{std::move(*tenant)};
    }
    return refused(sent.present);
}

}  // namespace http::api
