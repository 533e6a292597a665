// SPDX-License-Identifier: Apache-2.0
// Takes members out of a JSON object without building the rest of it: the text of a result lies
// beside images of megabytes. Never trusts the bytes: what is not JSON has no members. Pure.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace broker {

/// The member `name` of the object, decoded, when its value is a string. Of doubles the first
/// counts. A surrogate without its other half becomes U+FFFD.
std::optional<std::string> json_string_member(std::string_view object, std::string_view name);

/// The member `name` of the object as the text that stands there, without the space around it.
std::optional<std::string_view> json_raw_member(std::string_view object, std::string_view name);

/// The values of an array as the texts that stand there; those before what is not JSON.
std::vector<std::string_view> json_elements(std::string_view array);

/// The strings of an array of strings, decoded; what follows something else is left out.
std::vector<std::string> json_strings(std::string_view array);

}  // namespace broker
