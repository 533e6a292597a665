// SPDX-License-Identifier: Apache-2.0
// Dates of HTTP: IMF-fixdate (RFC 9110 §5.6.7), without locale or time zone.
// Never reads a clock: the time is given. Pure; any thread.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace http {

/// "Sun, 06 Nov 1994 08:49:37 GMT" for seconds since 1970 in UTC; years 1 to 9999.
std::string format_http_date(std::int64_t unix_seconds);

/// The same form back; the two obsolete forms are not read.
std::optional<std::int64_t> parse_http_date(std::string_view text);

}  // namespace http
