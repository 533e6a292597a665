// SPDX-License-Identifier: Apache-2.0
// The bytes that a ZMTP 3.1 client with the NULL mechanism sends (RFC 37/ZMTP).
// Never sends what a peer has to answer before we go on: no PING, no other mechanism.
// Stateless; any thread.
#pragma once

#include "kernelproto/wire/frames.hpp"

#include <cstddef>
#include <string>
#include <string_view>

namespace kernelproto::zmtp {

/// The types of socket that a client of a kernel has.
enum class socket_type { dealer, sub };

// The first byte of a frame (RFC 37, "Framing").
inline constexpr unsigned char flag_more = 1;
inline constexpr unsigned char flag_long = 2;
inline constexpr unsigned char flag_command = 4;

inline constexpr std::size_t greeting_bytes = 64;

/// Version 3.1, NULL, as a client.
std::string greeting();

/// The command that ends the handshake. `identity` is at most 255 bytes; empty: the peer makes one.
std::string ready(socket_type ours, std::string_view identity);

/// Everything is wanted. A command since version 3.1, before a message.
std::string subscribe_to_all(unsigned peer_minor_version);

/// The answer to a PING with this context.
std::string pong(std::string_view context);

/// Appends one message of at least one frame.
void append_message(std::string& to, frame_list const& frames);

}  // namespace kernelproto::zmtp
