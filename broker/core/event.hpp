// SPDX-License-Identifier: Apache-2.0
// What happens to an execution, piece by piece, as its log keeps it and clients read it.
// Never changed once it has a number. Values; any thread.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace broker {

/// The numbers stand in files: none is ever given to another type.
enum class event_type : std::uint8_t {
    queued = 1,
    started = 2,
    stdout_text = 3,
    stderr_text = 4,
    display_data = 5,
    update_display_data = 6,
    execute_result = 7,
    clear_output = 8,
    error = 9,
    input_request = 10,
    truncated = 11,
    files = 12,
    end = 13,
};

/// As in `event:` of a stream.
std::string_view to_string(event_type type) noexcept;

/// Nothing for a number that is no type.
std::optional<event_type> event_type_from(std::uint8_t number) noexcept;

/// One that has no number yet. `data` is one JSON object.
struct event_draft {
    event_type type = event_type::end;
    std::string data;

    friend bool operator==(event_draft const&, event_draft const&) = default;
};

struct execution_event {
    std::uint64_t id = 0;  // counts from 1 in each execution, without gaps
    event_type type = event_type::end;
    std::string data;

    friend bool operator==(execution_event const&, execution_event const&) = default;
};

}  // namespace broker
