// SPDX-License-Identifier: Apache-2.0
// What a client can hear while one execution runs, and how it can end.
// Never says anything about sessions, containers or HTTP. JSON values of the kernel stay the bytes
// that it sent (validated once, valid UTF-8), so that they can be spliced into another document.
// Values; no threads.
#pragma once

#include "kernelproto/wire/content.hpp"

#include <cstdint>
#include <optional>
#include <variant>

namespace kernelproto {

/// The five sockets of a kernel (Jupyter messaging specification, "Channels").
enum class channel : std::uint8_t { shell, control, iopub, stdin_channel, heartbeat };

/// Output came faster than it was read, or was too long to be looked at: so much is missing here.
struct output_discarded {
    std::uint64_t bytes = 0;
};

/// The contents behind the others are in `wire/content.hpp`.
using event = std::variant<started, stream_text, rich_output, output_cleared, raised, input_wanted,
                           output_discarded>;

/// How an execution stopped being watched. Exactly one is given per execution.
enum class end_cause {
    /// Reply and idle were both heard: nothing of it is missing.
    complete,
    /// Reply heard, idle proven lost: output may be missing.
    reply_without_idle,
    /// Idle heard, no reply: the kernel failed to answer (for example a lone surrogate in an
    /// error).
    idle_without_reply,
    /// The execution ended before anybody listened: what it said and how it ended is not known.
    /// Only of one that is followed.
    ended_unheard,
    /// The kernel process ended; `kernel_died` was called.
    kernel_died,
    /// Another kernel answers on the same sockets: the one that we asked is gone.
    kernel_replaced,
    /// The sockets are closed or mute although the process may live.
    unreachable,
    /// The owner gave up (deadline with no further step, shutdown).
    abandoned,
};

struct execution_end {
    end_cause cause = end_cause::complete;
    std::optional<execute_reply> reply;
};

}  // namespace kernelproto
