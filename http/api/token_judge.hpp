// SPDX-License-Identifier: Apache-2.0
// Whether a bearer token is good now, and which tenant its user is.
// Never keeps a token or puts a piece of one into a sentence: what it says is what was wrong.
// Lives on the loop.
#pragma once

#include "broker/base/result.hpp"
#include "broker/base/time.hpp"
#include "http/api/token_keys.hpp"
#include "http/proto/json_web_token.hpp"

#include <string>
#include <string_view>
#include <vector>

namespace http::api {

struct token_rules {
    std::vector<token_algorithm> algorithms{token_algorithm::eddsa, token_algorithm::rs256};
    std::string issuer = "librechat";
    std::string audience = "codeapi";
    double clock_skew_s = 30;     // between the clocks of who makes tokens and ours
    double max_lifetime_s = 600;  // from iat to exp
};

/// The claims of a token that is good at `now`; `subject` is there. `invalid_field` with a sentence
/// for the client. Its signature is checked before a claim is looked at.
broker::result<token_claims> verify_token(std::string_view token, token_keys const& keys,
                                          token_rules const& rules, broker::wall_time now);

/// What the name of every tenant of a token begins with, and that of no API key may.
inline constexpr std::string_view token_tenant_prefix = "jwt:";

/// "jwt:" and the SHA-256, in hexadecimal digits, of issuer, tenant_id and subject with a NUL
/// between them: two users never share one (a name has no NUL), and it is a name like that of
/// any other tenant, whatever bytes the claims have.
std::string tenant_of(token_claims const& claims);

/// The same without the subject: whose are the files that the users of one tenant_id share.
std::string shared_tenant_of(token_claims const& claims);

class token_judge {
public:
    token_judge(token_rules rules, token_keys keys, broker::clock_source clock)
        : rules_(std::move(rules)), keys_(std::move(keys)), clock_(std::move(clock)) {}

    /// The next token is judged by these.
    void replace(token_keys keys) { keys_ = std::move(keys); }

    struct user {
        std::string tenant;
        std::string shared_tenant;
        friend bool operator==(user const&, user const&) = default;
    };

    /// As `verify_token` at this moment, then `tenant_of`. The same token may come any number of
    /// times: LibreChat uses one for many calls.
    broker::result<user> judge(std::string_view token) const;

private:
    token_rules rules_;
    token_keys keys_;
    broker::clock_source clock_;
};

}  // namespace http::api
