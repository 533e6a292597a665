// SPDX-License-Identifier: Apache-2.0
// From the events of a log back to what they were made of: for an execution that is followed on by
// another broker. Never trusts them: what is not understood is left out. Pure.
#pragma once

#include "broker/core/event.hpp"
#include "broker/core/event_recorder.hpp"
#include "broker/core/outputs.hpp"

#include <cstdint>
#include <optional>
#include <string_view>

namespace broker {

/// What a log has told besides its outputs. `events` and `bytes` are those that `event_recorder`
/// holds against its limits.
struct replayed {
    bool started = false;
    std::optional<std::int64_t> execution_count;
    std::uint64_t events = 0;
    std::uint64_t bytes = 0;
};

/// One event.
void replay(event_draft const& one, outputs& into, replayed& told);

/// All whole `records`, in order. Those of a long log come in several calls.
void replay(std::string_view records, outputs& into, replayed& told);

}  // namespace broker
