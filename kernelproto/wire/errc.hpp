// SPDX-License-Identifier: Apache-2.0
// Every way in which bytes from a kernel can be wrong, one code each, so that a dropped message
// can be counted by reason. Never carries text from the peer. Values; no threads.
#pragma once

#include <boost/system/error_code.hpp>
#include <boost/system/is_error_code_enum.hpp>

#include <cstddef>

namespace kernelproto {

enum class wire_errc {
    /// No `<IDS|MSG>` frame among the first frames of the message.
    no_delimiter = 1,
    /// Fewer than delimiter, signature, header, parent header, metadata and content.
    too_few_frames,
    /// More frames than `frame_limits::max_frames`.
    too_many_frames,
    /// Header, parent header or metadata frame above `frame_limits::max_header_bytes`.
    header_too_large,
    /// All frames together above `frame_limits::max_message_bytes`.
    message_too_large,
    /// The signature is missing, has another length, or does not match.
    bad_signature,
    /// A header, parent header or metadata frame is not a JSON object.
    bad_json,
    /// A header field is missing or has another type than the specification gives it.
    bad_header,
    /// The content frame is not a well-formed JSON object within the depth limit.
    bad_content,
    /// A connection file lacks a field or holds a value that cannot be served.
    bad_connection_info,
    /// A signature scheme other than `hmac-sha256`.
    unsupported_scheme,
};

/// The codes are 1 to this.
inline constexpr std::size_t wire_errc_count = 11;

boost::system::error_category const& wire_category() noexcept;
boost::system::error_code make_error_code(wire_errc code) noexcept;

}  // namespace kernelproto

template <>
struct boost::system::is_error_code_enum<kernelproto::wire_errc> : std::true_type {};
