// SPDX-License-Identifier: Apache-2.0
// Which names clients may choose. Never lets through what could be a path, a header or a line
// break. Pure.
#pragma once

#include "broker/base/result.hpp"

#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace broker {

/// 1-128 of `[A-Za-z0-9._:-]`, but not `.` or `..`.
bool is_session_name(std::string_view text) noexcept;
/// The same as a `result`: `invalid_field` with the rule.
result<void> check_session_name(std::string_view text);

/// Names and values a client hangs on a session, in the order given.
using label_list = std::vector<std::pair<std::string, std::string>>;

/// At most 64 labels; a name is 1-63 of `[A-Za-z0-9._/-]`, given once; a value is at most 256 bytes
/// of UTF-8 without control characters.
result<void> check_labels(label_list const& labels);

}  // namespace broker
