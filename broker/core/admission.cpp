// SPDX-License-Identifier: Apache-2.0
// Caps and limits. Never rounds a wish up or down: it is taken or refused. Pure.
#include "broker/core/admission.hpp"

#include <fmt/format.h>

#include <cmath>
#include <string_view>

namespace broker {
namespace {

failure too_high(std::string_view name, double maximum) {
    return fail(errc::limit_too_high, fmt::format("{}: the maximum is {}", name, maximum));
}

failure too_high(std::string_view name, std::uint64_t maximum) {
    return fail(errc::limit_too_high, fmt::format("{}: the maximum is {}", name, maximum));
}

result<double> merge_number(std::string_view name, std::optional<double> wish, double otherwise,
                            double minimum, double maximum) {
    if (!wish) {
        return otherwise;
    }
    if (!std::isfinite(*wish) || *wish <= 0) {
        return fail(errc::invalid_field, fmt::format("{} must be a number above 0", name));
    }
    if (*wish > maximum) {
        return too_high(name, maximum);
    }
    if (*wish < minimum) {
        return fail(errc::invalid_field, fmt::format("{}: the minimum is {}", name, minimum));
    }
    return *wish;
}

template <class Count>
result<Count> merge_count(std::string_view name, std::optional<std::int64_t> wish, Count otherwise,
                          Count minimum, Count maximum) {
    if (!wish) {
        return otherwise;
    }
    if (*wish <= 0) {
        return fail(errc::invalid_field, fmt::format("{} must be a whole number above 0", name));
    }
    auto const value = static_cast<std::uint64_t>(*wish);
    if (value > maximum) {
        return too_high(name, std::uint64_t{maximum});
    }
    if (value < minimum) {
        return fail(errc::invalid_field, fmt::format("{}: the minimum is {}", name, minimum));
    }
    return static_cast<Count>(value);
}

}  // namespace

result<void> admit_session(admission_caps const& caps, std::uint32_t sessions,
                           std::uint32_t sessions_of_tenant) {
    if (sessions_of_tenant >= caps.sessions_per_tenant) {
        return fail(errc::too_many_sessions,
                    fmt::format("you have {} sessions, the most there may be; delete one or wait "
                                "until one expires",
                                sessions_of_tenant));
    }
    if (sessions >= caps.sessions) {
        return fail(errc::too_many_sessions,
                    "the broker holds as many sessions as it may; try again later");
    }
    return {};
}

result<void> admit_sandbox(admission_caps const& caps, host_room const& room) {
    if (room.memory_bytes < caps.free_memory_floor_bytes) {
        return fail(errc::no_capacity,
                    "the host has too little free memory for another kernel; try again later");
    }
    if (room.descriptors < descriptors_of_a_session + descriptor_reserve) {
        return fail(errc::no_capacity,
                    "the broker has too few file descriptors left for another kernel; try again "
                    "when other sessions have ended, or start it with a higher limit of open files "
                    "(ulimit -Hn, LimitNOFILE= in the unit)");
    }
    return {};
}

result<void> admit_execution(admission_caps const& caps, std::uint32_t waiting) {
    if (waiting >= caps.queue_per_session) {
        return fail(errc::queue_full,
                    fmt::format("{} executions wait for this session already; wait for one to end",
                                waiting));
    }
    return {};
}

result<limits> merge_limits(limits_request const& wish, limits const& defaults,
                            limits const& maxima, limits_minima const& minima) {
    auto const memory = merge_count("memory_bytes", wish.memory_bytes, defaults.memory_bytes,
                                    minima.memory_bytes, maxima.memory_bytes);
    auto const cpus = merge_number("cpus", wish.cpus, defaults.cpus, minima.cpus, maxima.cpus);
    auto const pids = merge_count("pids", wish.pids, defaults.pids, minima.pids, maxima.pids);
    auto const disk = merge_count("disk_bytes", wish.disk_bytes, defaults.disk_bytes,
                                  minima.disk_bytes, maxima.disk_bytes);
    auto const timeout = merge_number("timeout_s", wish.timeout_s, defaults.timeout_s,
                                      minima.timeout_s, maxima.timeout_s);
    if (!memory) {
        return memory.error();
    }
    if (!cpus) {
        return cpus.error();
    }
    if (!pids) {
        return pids.error();
    }
    if (!disk) {
        return disk.error();
    }
    if (!timeout) {
        return timeout.error();
    }
    return limits{*memory, *cpus, *pids, *disk, *timeout};
}

result<double> merge_timeout(std::string_view field, std::optional<double> wish_s, double session_s,
                             double maximum_s) {
    return merge_number(field, wish_s, session_s, limits_minima{}.timeout_s, maximum_s);
}

result<double> merge_idle_timeout(std::optional<double> wish_s, double default_s,
                                  double maximum_s) {
    return merge_number("idle_timeout_s", wish_s, default_s, limits_minima{}.timeout_s, maximum_s);
}

}  // namespace broker
