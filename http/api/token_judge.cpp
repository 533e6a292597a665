// SPDX-License-Identifier: Apache-2.0
// Envelope, key, signature, claims, in this order. Never a claim before the signature.
// On the loop: verifying takes a fraction of a millisecond.
#include "http/api/token_judge.hpp"

#include "broker/base/sha256.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <initializer_list>
#include <optional>

namespace http::api {
namespace {

using broker::result;

broker::failure wrong(std::string sentence) {
    return broker::fail(broker::errc::invalid_field, std::move(sentence));
}

result<token_claims> read_signed(std::string_view token, token_keys const& keys,
                                 token_rules const& rules) {
    auto const opened = open_token(token);
    if (!opened) {
        return opened.error();
    }
    auto const algorithm = token_algorithm_of(opened->algorithm);
    if (!algorithm || std::find(rules.algorithms.begin(), rules.algorithms.end(), *algorithm) ==
                          rules.algorithms.end()) {
        return wrong("its algorithm (alg) is not one that is accepted here");
    }
    auto const* const key = keys.find(opened->key_id);
    if (key == nullptr) {
        return wrong(opened->key_id ? "the key it names (kid) is not known here"
                                    : "it names no key (kid), and there are several");
    }
    if (key->algorithm != *algorithm) {
        return wrong("its algorithm (alg) does not fit the key");
    }
    if (!has_signature(*key, opened->signed_text, opened->signature)) {
        return wrong("its signature is wrong");
    }
    return read_claims(opened->payload);
}

/// What is wrong with the times; nothing if they are right.
std::optional<broker::failure> judge_times(token_claims const& claims, token_rules const& rules,
                                           double now) {
    if (!claims.expires) {
        return wrong("exp is missing");
    }
    if (!claims.issued) {
        return wrong("iat is missing");
    }
    if (*claims.expires + rules.clock_skew_s <= now) {
        return wrong("it has expired (exp)");
    }
    double const begin = std::max(*claims.issued, claims.not_before.value_or(0));
    if (begin - rules.clock_skew_s > now) {
        return wrong(fmt::format("it is not valid yet ({} lies in the future; compare the clocks)",
                                 begin == *claims.issued ? "iat" : "nbf"));
    }
    double const lifetime = *claims.expires - *claims.issued;
    if (!(lifetime > 0 && lifetime <= rules.max_lifetime_s)) {
        return wrong(fmt::format("its life time (exp - iat) is not within 0 and {} s",
                                 rules.max_lifetime_s));
    }
    return std::nullopt;
}

std::optional<broker::failure> judge_names(token_claims const& claims, token_rules const& rules) {
    if (!claims.issuer) {
        return wrong("iss is missing");
    }
    if (*claims.issuer != rules.issuer) {
        return wrong(fmt::format("iss is not {}", rules.issuer));
    }
    if (claims.audiences.empty()) {
        return wrong("aud is missing");
    }
    if (std::find(claims.audiences.begin(), claims.audiences.end(), rules.audience) ==
        claims.audiences.end()) {
        return wrong(fmt::format("aud is not {}", rules.audience));
    }
    return claims.subject ? std::nullopt : std::optional{wrong("sub is missing")};
}

}  // namespace

result<token_claims> verify_token(std::string_view token, token_keys const& keys,
                                  token_rules const& rules, broker::wall_time now) {
    auto claims = read_signed(token, keys, rules);
    if (!claims) {
        return claims;
    }
    double const seconds = std::chrono::duration<double>(now.time_since_epoch()).count();
    if (auto why = judge_names(*claims, rules)) {
        return *std::move(why);
    }
    if (auto why = judge_times(*claims, rules, seconds)) {
        return *std::move(why);
    }
    return claims;
}

namespace {

std::string tenant_named_by(std::initializer_list<std::string> parts) {
    constexpr std::string_view between{"\0", 1};
    broker::sha256 hash;
    for (auto const* part = parts.begin(); part != parts.end(); ++part) {
        hash.add(part == parts.begin() ? std::string_view{} : between);
        hash.add(*part);
    }
    return std::string(token_tenant_prefix) + broker::to_hex(hash.finish());
}

}  // namespace

std::string tenant_of(token_claims const& claims) {
    return tenant_named_by(
        {claims.issuer.value_or(""), claims.tenant_id.value_or(""), claims.subject.value_or("")});
}

std::string shared_tenant_of(token_claims const& claims) {
    return tenant_named_by({claims.issuer.value_or(""), claims.tenant_id.value_or("")});
}

result<token_judge::user> token_judge::judge(std::string_view token) const {
    auto const claims = verify_token(token, keys_, rules_, clock_().wall);
    if (!claims) {
        return claims.error();
    }
    return user{tenant_of(*claims), shared_tenant_of(*claims)};
}

}  // namespace http::api
