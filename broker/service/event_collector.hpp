// SPDX-License-Identifier: Apache-2.0
// Turns what a kernel says during one execution into its outputs, within their limits.
// Never blocks and never fails: whatever arrives is kept, counted or ignored. One owner, on the
// loop.
#pragma once

#include "broker/core/outputs.hpp"
#include "kernelproto/client/events.hpp"

#include <cstdint>
#include <optional>

namespace broker {

class event_collector {
public:
    explicit event_collector(output_limits limits) : outputs_(limits) {}

    void take(kernelproto::event&& heard);

    outputs& collected() noexcept { return outputs_; }
    std::optional<std::int64_t> execution_count() const noexcept { return execution_count_; }

private:
    outputs outputs_;
    std::optional<std::int64_t> execution_count_;
};

}  // namespace broker
