// SPDX-License-Identifier: Apache-2.0
// One Jupyter message, as heard from a kernel or as it will be said to one.
// Never exists from unverified bytes: only `decode` makes one of what a peer sent.
// Values; frames share their bytes.
#pragma once

#include "kernelproto/wire/content.hpp"
#include "kernelproto/wire/frames.hpp"
#include "kernelproto/wire/header.hpp"
#include "kernelproto/wire/result.hpp"

#include <optional>
#include <string>

namespace kernelproto {

/// Verified: the signature was right and the headers were read. Buffers are not covered by it.
struct message {
    header head;
    header parent;  // empty for `{}`
    frame metadata;
    /// Not looked at yet (`content.hpp` does), unless `output` says what it is.
    frame content;
    frame_list buffers;
    std::optional<result<output_content>> output;
};

/// A message of ours before it is signed. `content` is a JSON object.
struct outgoing {
    header head;
    header parent;  // empty: `{}`
    std::string content = "{}";
};

}  // namespace kernelproto
