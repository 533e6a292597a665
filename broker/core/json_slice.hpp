// SPDX-License-Identifier: Apache-2.0
// Takes one member out of a JSON object without building the rest of it: the text of a result lies
// beside images of megabytes. Never trusts the bytes: what is not JSON has no members. Pure.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace broker {

/// The member `name` of the object, decoded, when its value is a string. Of doubles the first
/// counts. A surrogate without its other half becomes U+FFFD.
std::optional<std::string> json_string_member(std::string_view object, std::string_view name);

}  // namespace broker
