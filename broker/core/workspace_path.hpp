// SPDX-License-Identifier: Apache-2.0
// The name of a file in a workspace, checked once at the edge and carried as this type from then
// on. Never normalises: what is not in the one right form is refused. Pure values; any thread.
#pragma once

#include "broker/base/result.hpp"

#include <compare>
#include <cstddef>
#include <string>
#include <string_view>
#include <utility>

namespace broker {

/// Bytes (not necessarily UTF-8), parts separated by `/`: 1 to 32 parts of 1 to 255 bytes, at most
/// 4096 bytes in all; no part is `.` or `..`, no byte is NUL.
class workspace_path {
public:
    static constexpr std::size_t max_part = 255;
    static constexpr std::size_t max_bytes = 4096;
    static constexpr std::size_t max_depth = 32;

    /// From the rest of a route, percent-encoded once (RFC 3986 §2.1). `%2F` is refused: a name
    /// cannot hold a slash, and two spellings of one path must not exist. `+` is a plus.
    static result<workspace_path> from_url(std::string_view raw);

    /// From a name that is not encoded: a JSON string, a multipart file name.
    static result<workspace_path> from_text(std::string_view text);

    std::string const& str() const noexcept { return text_; }

    friend bool operator==(workspace_path const&, workspace_path const&) = default;
    friend auto operator<=>(workspace_path const&, workspace_path const&) = default;

private:
    explicit workspace_path(std::string text) : text_(std::move(text)) {}
    std::string text_;
};

/// The path as the rest of a route, so that `from_url` gives back the same bytes: everything but
/// unreserved characters (RFC 3986 §2.3) and `/` is percent-encoded.
std::string to_url(std::string_view path);

}  // namespace broker
