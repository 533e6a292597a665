// SPDX-License-Identifier: Apache-2.0
// The request target (RFC 9112 §3.2) taken apart. Never decodes it. Pure; any thread.
#pragma once

#include <optional>
#include <string_view>

namespace http {

/// Views into the target that was taken apart.
struct target_parts {
    std::string_view path;       // starts with '/'
    std::string_view query;      // without '?'
    std::string_view authority;  // of an absolute target, which replaces Host; else empty
};

/// Origin form, and the absolute form with http or https. Absent for all else: the authority form
/// is CONNECT's, and "*" names nothing here.
std::optional<target_parts> parse_target(std::string_view target);

}  // namespace http
