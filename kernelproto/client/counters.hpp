// SPDX-License-Identifier: Apache-2.0
// How many messages came from a kernel and why some went no further.
// Never lets a message vanish without a number. Values; no threads.
#pragma once

#include "kernelproto/wire/errc.hpp"

#include <boost/system/error_code.hpp>

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>

namespace kernelproto {

/// Messages of this kernel that were not delivered, by reason; for logs and metrics.
struct connection_counters {
    std::uint64_t received = 0;
    std::uint64_t received_bytes = 0;
    std::uint64_t invalid = 0;         // bad signature, framing or JSON; the sum of `invalid_by`
    std::uint64_t foreign_parent = 0;  // a parent that is no request of ours
    std::uint64_t late = 0;            // output of an execution that had ended
    std::uint64_t unasked = 0;         // without a parent: starting, welcome, early warnings
    std::uint64_t surplus = 0;         // about a request of ours, but doubled or not needed
    std::uint64_t discarded = 0;       // output that came faster than it was read
    std::array<std::uint64_t, wire_errc_count> invalid_by{};  // [code - 1]

    /// `why` is a `wire_errc`.
    void count_invalid(boost::system::error_code const& why) noexcept;

    std::uint64_t invalid_for(wire_errc why) const noexcept {
        return invalid_by[static_cast<std::size_t>(why) - 1];
    }
};

/// What was not delivered, for a log: "2 invalid (2 signature missing or wrong), 1 late". Empty
/// when everything was delivered or was about nothing that anybody waited for.
std::string describe_drops(connection_counters const& counters);

}  // namespace kernelproto
