// SPDX-License-Identifier: Apache-2.0
// API keys for the operator: made, listed, revoked.
// Never keeps, logs or shows a key but once, to who made it: the store holds its SHA-256. Works on
// a store that a running broker has open too. One thread.
#pragma once

#include "broker/base/result.hpp"
#include "broker/base/time.hpp"
#include "broker/store/rows.hpp"

#include <string>
#include <string_view>
#include <vector>

namespace broker {

class session_store;

/// "kb_" and 42 of `[A-Za-z0-9_-]`: 252 random bits.
std::string make_api_key();

/// Returns the key itself. `invalid_field`: a name or tenant that is not 1-128 of
/// `[A-Za-z0-9._:-]`, a tenant that a token's user could be, or a name that a key in use has.
result<std::string> add_key(session_store& store, std::string const& name,
                            std::string const& tenant, wall_time now);

/// By name, or by the first characters as listed. `invalid_field` when no key in use has it.
result<key_row> revoke_key(session_store& store, std::string_view name, wall_time now);

/// A table for people, revoked keys last; a JSON array for programs.
std::string keys_table(std::vector<key_row> rows);
std::string keys_json(std::vector<key_row> const& rows);

}  // namespace broker
