// SPDX-License-Identifier: Apache-2.0
// The name under which a request is found in logs on both sides.
// Never echoes what could be more than a name. Pure but for the random source; any thread.
#pragma once

#include <string>
#include <string_view>

namespace http {

/// 1–128 of letters, digits and "._:+/=@-".
bool is_sane_request_id(std::string_view text) noexcept;

/// The client's own if it sent exactly one sane X-Request-Id, else a random one.
std::string choose_request_id(std::string const* sent, std::size_t count);

}  // namespace http
