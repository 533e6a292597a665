// SPDX-License-Identifier: Apache-2.0
// A key is random text; its row holds its hash and its first characters.
// Never a key in an error or a row. One thread.
#include "broker/daemon/keys.hpp"

#include "broker/base/ids.hpp"
#include "broker/base/json_text.hpp"
#include "broker/base/sha256.hpp"
#include "broker/core/names.hpp"
#include "broker/store/session_store.hpp"
#include "http/api/token_judge.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace broker {
namespace {

/// Shown in lists: "kb_" and 36 of the key's 252 bits, which leave enough.
constexpr std::size_t shown_length = 9;

std::string hash_of(std::string_view key) {
    sha256 hash;
    hash.add(key);
    return to_hex(hash.finish());
}

}  // namespace

std::string make_api_key() { return "kb_" + make_random_id() + make_random_id(); }

result<std::string> add_key(session_store& store, std::string const& name,
                            std::string const& tenant, wall_time now) {
    for (auto const& text : {name, tenant}) {
        if (!is_session_name(text)) {
            return fail(
                errc::invalid_field,
                fmt::format("\"{}\" is no name: take 1 to 128 of A-Z a-z 0-9 . _ : -", text));
        }
    }
    if (tenant.starts_with(http::api::token_tenant_prefix)) {
        return fail(errc::invalid_field,
                    fmt::format("\"{}\" cannot be a tenant: names that begin with {} are those of "
                                "users with a token",
                                tenant, http::api::token_tenant_prefix));
    }
    auto const rows = store.keys();
    if (!rows) {
        return rows.error();
    }
    if (std::ranges::any_of(
            *rows, [&](key_row const& row) { return !row.revoked_at && row.name == name; })) {
        return fail(errc::invalid_field,
                    fmt::format("a key named {} exists: take another name, or revoke it first "
                                "(kernel-broker keys revoke {})",
                                name, name));
    }
    auto key = make_api_key();
    key_row row;
    row.id = key.substr(0, shown_length);
    row.name = name;
    row.tenant = tenant;
    row.sha256 = hash_of(key);
    row.created_at = now;
    if (auto added = store.add_key(row); !added) {
        return added.error();
    }
    return key;
}

result<key_row> revoke_key(session_store& store, std::string_view name, wall_time now) {
    auto const rows = store.keys();
    if (!rows) {
        return rows.error();
    }
    auto const found = std::ranges::find_if(*rows, [&](key_row const& row) {
        return !row.revoked_at && (row.name == name || row.id == name);
    });
    if (found == rows->end()) {
        return fail(
            errc::invalid_field,
            fmt::format("no key in use is named {}; kernel-broker keys list shows them", name));
    }
    if (auto revoked = store.revoke_key(found->id, now); !revoked) {
        return revoked.error();
    }
    auto row = *found;
    row.revoked_at = now;
    return row;
}

std::string keys_table(std::vector<key_row> rows) {
    std::ranges::stable_partition(rows, [](key_row const& row) { return !row.revoked_at; });
    std::size_t name_width = 4;
    std::size_t tenant_width = 6;
    for (auto const& row : rows) {
        name_width = std::max(name_width, row.name.size());
        tenant_width = std::max(tenant_width, row.tenant.size());
    }
    auto out = fmt::format("{:<{}}  {:<{}}  {:<11}  {:<24}  {}\n", "NAME", name_width, "TENANT",
                           tenant_width, "BEGINS WITH", "CREATED", "REVOKED");
    for (auto const& row : rows) {
        out += fmt::format("{:<{}}  {:<{}}  {:<11}  {:<24}  {}\n", row.name, name_width, row.tenant,
                           tenant_width, row.id, to_rfc3339(row.created_at),
                           row.revoked_at ? to_rfc3339(*row.revoked_at) : "-");
    }
    return out;
}

std::string keys_json(std::vector<key_row> const& rows) {
    std::string out = "[";
    for (auto const& row : rows) {
        out += out.size() > 1 ? "," : "";
        json_object object{out};
        object.string("name", row.name)
            .string("tenant", row.tenant)
            .string("begins_with", row.id)
            .string("created_at", to_rfc3339(row.created_at));
        if (row.revoked_at) {
            object.string("revoked_at", to_rfc3339(*row.revoked_at));
        } else {
            object.null("revoked_at");
        }
        object.close();
    }
    return out + "]\n";
}

}  // namespace broker
