// SPDX-License-Identifier: Apache-2.0
// How many messages came from a kernel and why some went no further.
// Never lets a message vanish without a number. Values; no threads.
#pragma once

#include <cstdint>

namespace kernelproto {

/// Messages of this kernel that were not delivered, by reason; for logs and metrics.
struct connection_counters {
    std::uint64_t received = 0;
    std::uint64_t received_bytes = 0;
    std::uint64_t invalid = 0;         // bad signature, framing or JSON
    std::uint64_t foreign_parent = 0;  // a parent that is no request of ours
    std::uint64_t late = 0;            // output of an execution that had ended
    std::uint64_t unasked = 0;         // without a parent: starting, welcome, early warnings
    std::uint64_t surplus = 0;         // about a request of ours, but doubled or not needed
};

}  // namespace kernelproto
