// SPDX-License-Identifier: Apache-2.0
// Credentials of four forms, blocks of addresses, and the decision.
// Never says which part of a key was wrong. On the loop.
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

struct credential {
    std::string text;  // empty if malformed
    bool bearer = false;
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

credential from_authorization(std::string_view value) {
    auto const space = value.find(' ');
    auto const scheme = value.substr(0, space);
    auto const rest =
        space == std::string_view::npos ? std::string_view{} : ascii::trim(value.substr(space));
    if (ascii::equal(scheme, "Bearer")) {
        return {std::string(rest), true};
    }
    if (ascii::equal(scheme, "Basic")) {
        auto const decoded = decode_base64(rest);
        return {decoded ? decoded->substr(0, decoded->find(':')) : std::string{}};
    }
    return {};
}

/// At most one of each header; a header that came twice is malformed.
std::vector<credential> credentials_of(fields const& headers) {
    std::vector<credential> out;
    if (auto const count = headers.count("X-API-Key"); count != 0) {
        out.push_back({count == 1 ? *headers.find("X-API-Key") : std::string{}});
    }
    if (auto const count = headers.count("Authorization"); count != 0) {
        out.push_back(count == 1 ? from_authorization(*headers.find("Authorization"))
                                 : credential{});
    }
    return out;
}

/// Keys as we make them have no dot, and tokens have two.
bool is_like_a_token(std::string_view text) { return text.find('.') != std::string_view::npos; }

response refused(std::string detail) {
    auto out = refuse(refusal::unauthorized, std::move(detail));
    out.headers.add("WWW-Authenticate", "Bearer realm=\"kernel-broker\"");
    out.headers.add("WWW-Authenticate", "Basic realm=\"kernel-broker\", charset=\"UTF-8\"");
    return out;
}

constexpr char const* no_key =
    "No key was sent. Send it as X-API-Key, as a Bearer token, or as the user of Basic.";
constexpr char const* unknown_key =
    "The key is not known. Send it as X-API-Key, as a Bearer token, or as the user of Basic.";
constexpr char const* no_tokens =
    "The key is not known. It looks like a JSON web token, and this broker is given no keys to "
    "verify one (jwt_key_files).";
constexpr char const* two_tenants =
    "X-API-Key and Authorization are not of one tenant. Send only one of them.";

/// RFC 6750 §3.1.
response refused_token(std::string const& why) {
    auto out = refuse(refusal::invalid_token, "The token is not accepted: " + why + ".");
    out.headers.add("WWW-Authenticate", "Bearer realm=\"kernel-broker\", error=\"invalid_token\"");
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

bool authenticator::knows_nobody() const { return tokens_ == nullptr && keys_.empty(); }

bool authenticator::needs_no_key(request const& incoming) const {
    return (open_without_keys_ && knows_nobody()) ||
           std::any_of(trusted_.begin(), trusted_.end(),
                       [&](network const& block) { return block.contains(incoming.peer_address); });
}

authenticator::verdict authenticator::judge_key(std::string_view key) const {
    // Hashed and looked up even when nothing usable was sent: a missing key, a malformed one and a
    // wrong one take the same time.
    bool const usable = !key.empty() && key.size() <= longest_key;
    auto tenant = keys_.tenant_of(hash_key(usable ? key : "-"));
    if (usable && tenant) {
        return caller{std::move(*tenant)};
    }
    return refused(unknown_key);
}

authenticator::verdict authenticator::judge_token(std::string_view token) const {
    auto user = tokens_->judge(token);
    if (!user) {
        return refused_token(user.error().detail);
    }
    return caller{std::move(user->tenant), std::move(user->shared_tenant)};
}

authenticator::verdict authenticator::check(request const& incoming) const {
    auto const sent = credentials_of(incoming.headers);
    if (needs_no_key(incoming) && (sent.empty() || knows_nobody())) {
        return caller{std::string(default_tenant)};
    }
    if (sent.empty()) {
        return check_body_key({});
    }
    std::optional<caller> known;
    for (auto const& one : sent) {
        bool const like_a_token = one.bearer && is_like_a_token(one.text);
        auto judged =
            like_a_token && tokens_ != nullptr ? judge_token(one.text) : judge_key(one.text);
        if (std::holds_alternative<response>(judged)) {
            return like_a_token && tokens_ == nullptr ? refused(no_tokens) : std::move(judged);
        }
        auto& whose = std::get<caller>(judged);
        if (known && known->tenant != whose.tenant) {
            return refused(two_tenants);
        }
        known = std::move(whose);
    }
    return *std::move(known);
}

bool authenticator::lacks_credentials(request const& incoming) const {
    return credentials_of(incoming.headers).empty() && !needs_no_key(incoming);
}

authenticator::verdict authenticator::check_body_key(std::string_view key) const {
    auto judged = judge_key(key);
    return key.empty() ? verdict{refused(no_key)} : std::move(judged);
}

}  // namespace http::api
