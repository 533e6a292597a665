// SPDX-License-Identifier: Apache-2.0
// The `;name=value` tail that Content-Type, Content-Disposition and others share (RFC 9110 §5.6.6).
// Never accepts a name twice: which one counts would be a guess. Pure; any thread.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace http {

using header_params = std::vector<std::pair<std::string, std::string>>;

/// `text` is empty or starts with ';'. Names come back in lower case, quoted values unquoted.
/// Browsers write `\"` or %22 for a quote in a file name but leave other backslashes as they are;
/// with `keep_backslashes` only `\"` is taken as an escape, as multipart/form-data needs it.
std::optional<header_params> parse_header_params(std::string_view text,
                                                 bool keep_backslashes = false);

/// Takes the token that `text` starts with off it; empty if there is none.
std::string_view take_token(std::string_view& text);

/// Takes the rest of a quoted string off `text`, which starts behind the opening quote, and
/// unquotes it. Nothing if it has no end.
std::optional<std::string> take_quoted(std::string_view& text, bool keep_backslashes = false);

}  // namespace http
