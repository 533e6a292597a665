// SPDX-License-Identifier: Apache-2.0
// What a program that failed had wanted to load and did not find, by what its language printed.
// Never a guess: words that are not known say nothing. Pure; any thread.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace http::librechat {

/// The name in the last such message of Python, Node, R or a C compiler; nothing where there is
/// none, or where it is the path of a file.
std::optional<std::string> missing_library(std::string_view stderr_text);

}  // namespace http::librechat
