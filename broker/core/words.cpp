// SPDX-License-Identifier: Apache-2.0
// The words, in one table for each set. Never two spellings. No state.
#include "broker/core/words.hpp"

#include <algorithm>
#include <array>

namespace broker {
namespace {

// In the order of the enumerators.
constexpr std::array<std::string_view, 3> execution_states = {"queued", "running", "done"};
constexpr std::array<std::string_view, 7> outcomes = {
    "ok", "error", "timeout", "interrupted", "cancelled", "died", "unknown"};
constexpr std::array<std::string_view, 5> session_states = {"fresh", "kept", "restarted",
                                                            "restored", "lost"};
constexpr std::array<std::string_view, 12> state_reasons = {
    "expired",      "idle_expired",      "oom",          "crash",        "exit",
    "timeout_kill", "restart_requested", "unresponsive", "output_limit", "protocol",
    "runtime_lost", "host_restart"};
constexpr std::array<std::string_view, 8> death_kinds = {
    "oom", "pids", "disk", "signal", "exit", "timeout", "unresponsive", "runtime_lost"};
constexpr std::array<std::string_view, 5> session_statuses = {"starting", "idle", "busy", "stopped",
                                                              "closing"};

template <class Enum>
constexpr auto const& words() noexcept {
    if constexpr (std::is_same_v<Enum, execution_state>) {
        return execution_states;
    } else if constexpr (std::is_same_v<Enum, outcome>) {
        return outcomes;
    } else if constexpr (std::is_same_v<Enum, session_state>) {
        return session_states;
    } else if constexpr (std::is_same_v<Enum, state_reason>) {
        return state_reasons;
    } else if constexpr (std::is_same_v<Enum, death_kind>) {
        return death_kinds;
    } else {
        return session_statuses;
    }
}

template <class Enum>
std::string_view word_of(Enum value) noexcept {
    return words<Enum>()[static_cast<std::size_t>(value)];
}

}  // namespace

std::string_view to_string(execution_state value) noexcept { return word_of(value); }
std::string_view to_string(outcome value) noexcept { return word_of(value); }
std::string_view to_string(session_state value) noexcept { return word_of(value); }
std::string_view to_string(state_reason value) noexcept { return word_of(value); }
std::string_view to_string(death_kind value) noexcept { return word_of(value); }
std::string_view to_string(session_status value) noexcept { return word_of(value); }

template <class Enum>
std::optional<Enum> from_string(std::string_view word) noexcept {
    auto const& all = words<Enum>();
    auto const* const found = std::find(all.begin(), all.end(), word);
    if (found == all.end()) {
        return std::nullopt;
    }
    return static_cast<Enum>(found - all.begin());
}

template std::optional<execution_state> from_string(std::string_view) noexcept;
template std::optional<outcome> from_string(std::string_view) noexcept;
template std::optional<session_state> from_string(std::string_view) noexcept;
template std::optional<state_reason> from_string(std::string_view) noexcept;
template std::optional<death_kind> from_string(std::string_view) noexcept;
template std::optional<session_status> from_string(std::string_view) noexcept;

}  // namespace broker
