// SPDX-License-Identifier: Apache-2.0
// The names that LibreChat and its models have for languages, and the kernels that serve them.
// Never knows what an image has. Pure; any thread.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace http::librechat {

/// The name that the contract has, for any spelling that is used for it; absent: no such language.
std::optional<std::string_view> canonical_language(std::string_view name);

/// Kernels that run it, the best one first. Python that starts afresh is a script of its own
/// (arguments, exit status) where the image can run one; Python that is to keep its variables is
/// ipykernel.
std::vector<std::string> kernels_for(std::string_view canonical, bool keeps_state);

}  // namespace http::librechat
