// SPDX-License-Identifier: Apache-2.0
// Who is calling: from a request's credentials, or the address it comes from, to a tenant.
// Never reads a body, never keeps or logs a key or token, and compares hashes in constant time.
// Lives on the loop; the key store and the judge of tokens outlive it.
#pragma once

#include "http/api/token_judge.hpp"
#include "http/proto/message.hpp"

#include <array>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

namespace http::api {

/// SHA-256 of a key. Keys are at least 128 random bits, so that no slow hash is needed.
using key_hash = std::array<unsigned char, 32>;

key_hash hash_key(std::string_view key);

/// Where keys are known. A fake, a list in memory and the database can be one.
class key_store {
public:
    virtual ~key_store() = default;
    key_store() = default;
    key_store(key_store const&) = delete;
    key_store& operator=(key_store const&) = delete;

    /// True if no key exists at all.
    virtual bool empty() const = 0;
    /// The tenant of the key with this hash. Takes as long for a wrong key as for a right one.
    virtual std::optional<std::string> tenant_of(key_hash const& hash) const = 0;
};

/// Keys held in memory. Looks at all of them at each look-up, so that time says nothing.
class key_ring final : public key_store {
public:
    struct key {
        key_hash hash;
        std::string tenant;
    };
    key_ring() = default;
    explicit key_ring(std::vector<key> keys) : keys_(std::move(keys)) {}

    /// Takes the place of all keys, on the loop; the next request is judged by the new ones.
    void replace(std::vector<key> keys) { keys_ = std::move(keys); }

    bool empty() const override { return keys_.empty(); }
    std::optional<std::string> tenant_of(key_hash const& hash) const override;

private:
    std::vector<key> keys_;
};

/// A block of addresses, "10.0.0.0/8" or "fd00::/8"; a bare address is a block of one.
class network {
public:
    /// Absent if malformed, or if bits behind the prefix are set (a typing error, most likely).
    static std::optional<network> parse(std::string_view text);
    /// False for what is no address. An IPv4 address mapped into IPv6 counts as IPv4.
    bool contains(std::string_view address) const;

private:
    std::array<unsigned char, 16> bytes_{};
    unsigned bits_ = 128;  // of the IPv6 form; IPv4 is ::ffff:0:0/96
};

struct caller {
    std::string tenant;
    /// Whose files it may use beside its own: those of agents and skills of its organisation.
    /// Empty for who has a key, who shares all with all that have one of its tenant.
    std::string shared_tenant = {};
};

class authenticator {
public:
    using verdict = std::variant<caller, response>;

    /// `open_without_keys`: all listeners are loopback addresses or unix sockets, so that a caller
    /// needs no credentials as long as no key exists and no `tokens` are judged. Without `tokens`,
    /// a bearer token is a key like any other.
    authenticator(key_store const& keys, bool open_without_keys, std::vector<network> trusted,
                  token_judge const* tokens = nullptr)
        : keys_(keys),
          open_without_keys_(open_without_keys),
          trusted_(std::move(trusted)),
          tokens_(tokens) {}

    /// The caller, or the 401 to send. Looks at headers and the peer's address only. A request may
    /// bring a credential in X-API-Key and another in Authorization: both must be good and of one
    /// tenant, so that no proxy and no rule of ours decides by which of them it is judged.
    verdict check(request const& incoming) const;

    /// True if `check` refuses the request for the one reason that it brings no credential in a
    /// header. A route whose clients put their key into the body (LibreChat 0.8.5 does) may then
    /// read that, bounded, and ask `check_body_key`; it serves nothing before.
    bool lacks_credentials(request const& incoming) const;

    /// The caller whose API key this is, or the 401 to send, as for X-API-Key; an empty `key` is
    /// one that did not come. Never a token.
    verdict check_body_key(std::string_view key) const;

private:
    bool needs_no_key(request const& incoming) const;
    bool knows_nobody() const;
    verdict judge_key(std::string_view key) const;
    verdict judge_token(std::string_view token) const;

    key_store const& keys_;
    bool open_without_keys_;
    std::vector<network> trusted_;
    token_judge const* tokens_;
};

inline constexpr std::string_view default_tenant = "default";

}  // namespace http::api
