// SPDX-License-Identifier: Apache-2.0
// Who may come in: caps on sessions and queues, a floor of free memory, and limits that a request
// asks for. Never counts anything itself. Pure.
#pragma once

#include "broker/base/result.hpp"
#include "broker/core/limits.hpp"

#include <cstdint>
#include <optional>
#include <string_view>

namespace broker {

struct admission_caps {
    std::uint32_t sessions = 200;
    std::uint32_t sessions_per_tenant = 50;
    std::uint32_t queue_per_session = 32;
    std::uint64_t free_memory_floor_bytes = std::uint64_t{256} << 20;
};

/// A session may be created: `too_many_sessions`.
result<void> admit_session(admission_caps const& caps, std::uint32_t sessions,
                           std::uint32_t sessions_of_tenant);

/// What a session with a kernel holds open: its directory of sockets, five connections, the witness
/// of its end, its files twice, and one to spare.
inline constexpr std::uint64_t descriptors_of_a_session = 10;
/// What is opened for a moment: by starts and ends of sandboxes, files that are asked for, the
/// table, connections of clients.
inline constexpr std::uint64_t descriptor_reserve = 64;

/// What there is for one more sandbox.
struct host_room {
    std::uint64_t memory_bytes = 0;
    std::uint64_t descriptors = 0;
};

/// A sandbox may be started: `no_capacity` when the host's free memory is below the floor, or the
/// broker's free descriptors below what a session and the reserve take.
result<void> admit_sandbox(admission_caps const& caps, host_room const& room);

/// An execution may be queued behind `waiting` others: `queue_full`.
result<void> admit_execution(admission_caps const& caps, std::uint32_t waiting);

/// What a request may ask for; absent means the default.
struct limits_request {
    std::optional<std::int64_t> memory_bytes;
    std::optional<double> cpus;
    std::optional<std::int64_t> pids;
    std::optional<std::int64_t> disk_bytes;
    std::optional<double> timeout_s;
};

/// Less than this starts no kernel.
struct limits_minima {
    std::uint64_t memory_bytes = std::uint64_t{64} << 20;
    double cpus = 0.01;
    std::uint32_t pids = 16;
    std::uint64_t disk_bytes = std::uint64_t{4} << 20;
    double timeout_s = 0.001;
};

/// Defaults with the request's wishes. `limit_too_high` names the maximum; `invalid_field` what is
/// not a number, not positive, or below its minimum.
result<limits> merge_limits(limits_request const& wish, limits const& defaults,
                            limits const& maxima, limits_minima const& minima = {});

/// Time limit of one execution: the wish, else the session's; the same two errors, about `field`.
result<double> merge_timeout(std::string_view field, std::optional<double> wish_s, double session_s,
                             double maximum_s);

/// `idle_timeout_s` of a session; the same two errors.
result<double> merge_idle_timeout(std::optional<double> wish_s, double default_s, double maximum_s);

}  // namespace broker
