// SPDX-License-Identifier: Apache-2.0
// Frames of a ZeroMQ message <-> Jupyter message (Jupyter messaging specification, "Wire
// protocol"). Never parses a byte before the frames are counted, their sizes are within the limits
// and the signature is right. Pure but for the signer's context; one thread at a time.
#pragma once

#include "kernelproto/wire/frames.hpp"
#include "kernelproto/wire/message.hpp"
#include "kernelproto/wire/result.hpp"
#include "kernelproto/wire/signer.hpp"

#include <optional>
#include <span>

namespace kernelproto {

/// Frames before the delimiter (identities, or the topic on iopub) are skipped, however many: on
/// iopub there is usually one, but none for a welcome. Frames after content are the buffers.
result<message> decode(frame_list const& frames, signer& keys, frame_limits const& limits);

/// Header, parent header and metadata of a message whose next frame is its content; nothing for
/// any other beginning.
std::optional<std::span<frame const, 3>> before_content(frame_list const& beginning) noexcept;

/// As `decode`, and reads an output as well: for long messages, where reading is work.
result<message> decode_whole(frame_list const& frames, signer& keys, frame_limits const& limits);

/// Delimiter first, as a DEALER sends it. Metadata is always `{}`: a kernel takes null badly.
frame_list encode(outgoing const& out, signer& keys);

}  // namespace kernelproto
