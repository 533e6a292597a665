// SPDX-License-Identifier: Apache-2.0
// Reading JSON that others wrote: a bounded depth, members by type, no exceptions.
// Never a default that hides a member of the wrong type where that matters: use `member` there.
// Pure; any thread.
#pragma once

#include <nlohmann/json.hpp>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace broker::client {

/// Keeps members in the order they came.
using json = nlohmann::ordered_json;

/// Absent: not JSON, not UTF-8, or nested deeper than 200 (what writes JSON calls itself).
std::optional<json> parse_json(std::string_view text);

/// Null if `from` is no object or has no such member.
json const* member(json const& from, std::string_view name);

/// The text, number or truth of a member; an empty one, `otherwise` or false if it is not of that
/// type.
std::string text_of(json const& from, std::string_view name);
std::int64_t number_of(json const& from, std::string_view name, std::int64_t otherwise);
bool truth_of(json const& from, std::string_view name);

/// Compact, or with `indent` spaces a level; what is not UTF-8 becomes U+FFFD.
std::string to_text(json const& value, int indent = -1);

}  // namespace broker::client
