// SPDX-License-Identifier: Apache-2.0
// Names of tools as programs call them. Never two tools under one name. Pure; any thread.
#pragma once

#include "broker/base/result.hpp"

#include <string>
#include <string_view>
#include <vector>

namespace http::librechat {

enum class tool_language { python, bash };

/// `-`, white space and, for bash, `.` become `_`; what else no name can hold is dropped; a digit
/// in front gets a `_` before it, a word of the language `_tool` behind it. The rules of the
/// official server, which models know.
std::string callable_name(std::string_view tool, tool_language in);

struct named_tool {
    std::string name;      // as its client calls it
    std::string callable;  // as the program does
};

/// `invalid_field` for a tool without a name, for two that would be called the same, and for more
/// than 100.
broker::result<std::vector<named_tool>> name_tools(std::vector<std::string> const& tools,
                                                   tool_language in);

}  // namespace http::librechat
