// SPDX-License-Identifier: Apache-2.0
// What a peer can do that ends a ZMTP connection.
// Never carries a word of the peer. Values; no threads.
#pragma once

#include <string_view>

namespace kernelproto::zmtp {

enum class fault {
    /// It does not greet as ZMTP does.
    greeting,
    /// It speaks ZMTP 1 or 2, which is never followed.
    version,
    /// It wants another security mechanism than NULL.
    mechanism,
    /// Its READY is missing or malformed, or it sent ERROR.
    handshake,
    /// It is a socket of a type that ours must not be connected to.
    socket_type,
    /// A frame with reserved flags, or a command that is one part of a message.
    framing,
    /// A frame was announced that is above the limit.
    long_frame,
    /// The frames of one message passed the limit of bytes together.
    long_message,
    /// A message of more frames than the limit.
    many_frames,
};

/// To be read behind the name of a channel: "iopub" + " does not greet as ZeroMQ does".
std::string_view words_of(fault what) noexcept;

}  // namespace kernelproto::zmtp
