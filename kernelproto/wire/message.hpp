// SPDX-License-Identifier: Apache-2.0
// One Jupyter message, as heard from a kernel or as it will be said to one.
// Never exists from unverified bytes: only `decode` makes one of what a peer sent.
// Values; frames share their bytes.
#pragma once

#include "kernelproto/wire/frames.hpp"
#include "kernelproto/wire/header.hpp"

#include <string>

namespace kernelproto {

/// Verified: the signature was right and the headers were read. `content` is not looked at yet
/// (`content.hpp` does); buffers are not covered by the signature.
struct message {
    header head;
    header parent;  // empty for `{}`
    frame metadata;
    frame content;
    frame_list buffers;
};

/// A message of ours before it is signed. `content` is a JSON object.
struct outgoing {
    header head;
    header parent;  // empty: `{}`
    std::string content = "{}";
};

}  // namespace kernelproto
