// SPDX-License-Identifier: Apache-2.0
// What a machine wants done after it heard something: the whole vocabulary.
// Never an effect by itself: a driver performs it, in the order of the members. Values; no threads.
#pragma once

#include "kernelproto/client/events.hpp"
#include "kernelproto/client/requests.hpp"
#include "kernelproto/wire/result.hpp"

#include <optional>
#include <vector>

namespace kernelproto {

/// Why a message went no further; each is a member of `connection_counters`.
enum class drop { none, invalid, foreign_parent, late, unasked, surplus };

struct actions {
    /// To be sent, in this order.
    std::vector<request> send;
    /// To be told, in this order.
    std::vector<event> events;
    /// The execution is over. Told after the events; nothing of it follows.
    std::optional<execution_end> ended;
    /// Readiness is decided. Told once.
    std::optional<result<kernel_info>> ready;
    /// What became of the message that was heard.
    drop dropped = drop::none;
};

}  // namespace kernelproto
