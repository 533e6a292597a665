// SPDX-License-Identifier: Apache-2.0
// The closed sets of words by which the APIs tell what became of an execution and its session.
// Never renamed: clients and the table of the store read them. Values; any thread.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

namespace broker {

enum class execution_state : std::uint8_t { queued, running, done };

enum class outcome : std::uint8_t { ok, error, timeout, interrupted, cancelled, died, unknown };

/// What an execution started on.
enum class session_state : std::uint8_t {
    fresh,      // nothing existed under this id, or it had expired with its files
    kept,       // the kernel of the call before
    restarted,  // a new kernel, files kept, variables gone
    restored,   // a new process that has the variables again
    lost,       // a new kernel, and the files are gone before their time
};

/// Why a session did not start on `kept`; told once.
enum class state_reason : std::uint8_t {
    expired,
    idle_expired,
    oom,
    crash,
    exit,
    timeout_kill,
    restart_requested,
    unresponsive,
    output_limit,
    protocol,
    runtime_lost,
    host_restart,
};

enum class death_kind : std::uint8_t {
    oom,
    pids,
    disk,
    signal,
    exit,
    timeout,
    unresponsive,
    runtime_lost,
};

enum class session_status : std::uint8_t { starting, idle, busy, stopped, closing };

std::string_view to_string(execution_state value) noexcept;
std::string_view to_string(outcome value) noexcept;
std::string_view to_string(session_state value) noexcept;
std::string_view to_string(state_reason value) noexcept;
std::string_view to_string(death_kind value) noexcept;
std::string_view to_string(session_status value) noexcept;

/// The value of a word, for `Enum` any of the above; nothing for any other text.
template <class Enum>
std::optional<Enum> from_string(std::string_view word) noexcept;

}  // namespace broker
