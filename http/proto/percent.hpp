// SPDX-License-Identifier: Apache-2.0
// Percent-encoding (RFC 3986 §2.1) of path segments and queries.
// Never decodes twice, and never lets an escape become a separator or a NUL. Pure; any thread.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace http {

/// The bytes of one path segment. Absent when an escape is broken, or stands for '/' or NUL.
/// What comes back may be any other bytes, UTF-8 or not.
std::optional<std::string> decode_segment(std::string_view raw);

/// A path with its '/' kept, each segment as `decode_segment`.
std::optional<std::string> decode_path(std::string_view raw);

/// Everything but unreserved characters and '/' is escaped; may be put behind '/' in a URL.
std::string encode_path(std::string_view bytes);

using query_entry = std::pair<std::string, std::string>;

/// The `a=b&c` form; '+' is a space. Absent when an escape is broken, a name or value is not UTF-8
/// or holds a control character, or a name is empty. Order and repetitions are kept.
std::optional<std::vector<query_entry>> parse_query(std::string_view raw);

}  // namespace http
