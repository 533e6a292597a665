// SPDX-License-Identifier: Apache-2.0
// base64url without padding, as JOSE writes it (RFC 7515 §2, RFC 4648 §5).
// Never takes a second spelling of the same bytes: no padding, no white space, no stray bits.
// Pure; any thread.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace http {

/// The bytes; absent if an encoder would not have written exactly this. The caller has bounded the
/// size of `text`.
std::optional<std::string> decode_base64url(std::string_view text);

}  // namespace http
