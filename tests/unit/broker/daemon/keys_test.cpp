// SPDX-License-Identifier: Apache-2.0
#include "broker/daemon/keys.hpp"

#include "broker/base/sha256.hpp"
#include "broker/store/memory_store.hpp"
#include "tests/support/catch.hpp"

#include <set>

using broker::add_key;
using broker::revoke_key;
using broker::wall_time;
using Catch::Matchers::ContainsSubstring;

namespace {

wall_time const noon{std::chrono::hours{24 * 365 * 56}};

std::string hash_of(std::string_view key) {
    broker::sha256 hash;
    hash.add(key);
    return broker::to_hex(hash.finish());
}

}  // namespace

TEST_CASE("a key begins with kb_, is long, and never comes twice", "[daemon][keys]") {
    std::set<std::string> seen;
    for (int i = 0; i < 100; ++i) {
        auto const key = broker::make_api_key();
        CHECK(key.size() == 45);
        CHECK(key.starts_with("kb_"));
        CHECK(seen.insert(key).second);
    }
}

TEST_CASE("a key is never of a tenant that the user of a token has", "[daemon][keys]") {
    auto const store = broker::make_memory_store();
    auto const made = add_key(*store, "alice", "jwt:" + hash_of("x"), noon);
    REQUIRE_FALSE(made);
    CHECK_THAT(made.error().detail, ContainsSubstring("users with a token"));
    CHECK_FALSE(add_key(*store, "alice", "jwt:", noon));
    CHECK(add_key(*store, "jwt:alice", "jwt", noon));
    CHECK(store->keys()->size() == 1);
}

TEST_CASE("of a key its hash and first characters are kept, nothing else", "[daemon][keys]") {
    auto const store = broker::make_memory_store();
    auto const key = add_key(*store, "alice", "blue", noon);
    REQUIRE(key);
    auto const rows = store->keys();
    REQUIRE(rows);
    REQUIRE(rows->size() == 1);
    auto const& row = rows->front();
    CHECK(row.name == "alice");
    CHECK(row.tenant == "blue");
    CHECK(row.sha256 == hash_of(*key));
    CHECK(row.id == key->substr(0, 9));
    CHECK(store->key_of(hash_of(*key)).value().has_value());
    for (auto const& text : {keys_table(*rows), broker::keys_json(*rows)}) {
        CHECK_THAT(text, ContainsSubstring("alice") && ContainsSubstring("blue"));
        CHECK(text.find(key->substr(9)) == std::string::npos);
        CHECK(text.find(row.sha256) == std::string::npos);
    }
}

TEST_CASE("a revoked key opens nothing, and its name is free again", "[daemon][keys]") {
    auto const store = broker::make_memory_store();
    auto const first = add_key(*store, "alice", "default", noon);
    REQUIRE(first);
    auto const taken = add_key(*store, "alice", "default", noon);
    REQUIRE_FALSE(taken);
    CHECK_THAT(taken.error().detail, ContainsSubstring("keys revoke alice"));

    REQUIRE(revoke_key(*store, "alice", noon));
    CHECK_FALSE(store->key_of(hash_of(*first)).value().has_value());
    CHECK_FALSE(revoke_key(*store, "alice", noon));
    auto const second = add_key(*store, "alice", "default", noon);
    REQUIRE(second);
    CHECK(store->key_of(hash_of(*second)).value().has_value());
    CHECK(revoke_key(*store, second->substr(0, 9), noon));
}

TEST_CASE("two keys of one tenant are valid at once, so that a key can be changed",
          "[daemon][keys]") {
    auto const store = broker::make_memory_store();
    auto const old_key = add_key(*store, "web-1", "web", noon);
    auto const new_key = add_key(*store, "web-2", "web", noon);
    REQUIRE((old_key && new_key));
    CHECK(store->key_of(hash_of(*old_key)).value().has_value());
    CHECK(store->key_of(hash_of(*new_key)).value().has_value());
}

TEST_CASE("names and tenants are words", "[daemon][keys]") {
    auto const store = broker::make_memory_store();
    for (std::string const bad : {"", ".", "..", "a b", "a/b", "a\n", "\xc3\xb6"}) {
        CAPTURE(bad);
        CHECK_FALSE(add_key(*store, bad, "default", noon));
        CHECK_FALSE(add_key(*store, "x", bad, noon));
    }
    CHECK_FALSE(add_key(*store, std::string(129, 'x'), "default", noon));
    CHECK(store->keys().value().empty());
}
