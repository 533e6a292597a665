// SPDX-License-Identifier: Apache-2.0
// Turns what a kernel says during one execution into its outputs and the events of its log, each
// within its limits.
// Never blocks and never fails: whatever arrives is kept, counted or ignored. One owner, on the
// loop.
#pragma once

#include "broker/core/event_recorder.hpp"
#include "broker/core/event_replay.hpp"
#include "broker/core/outputs.hpp"
#include "broker/service/event_log.hpp"
#include "kernelproto/client/events.hpp"

#include <cstdint>
#include <memory>
#include <optional>
#include <string_view>

namespace broker {

class event_collector {
public:
    event_collector(output_limits limits, std::shared_ptr<event_log> log)
        : outputs_(limits), recorder_(limits), log_(std::move(log)) {}

    void take(kernelproto::event&& heard);

    /// Before the first event: what an earlier broker has kept, in as many pieces as it comes in.
    /// Touches nothing of the log, and may be called on another thread while nobody else has this.
    void resume(std::string_view records);

    /// Nothing more comes: the log gets what was held back.
    void close();

    /// What was resumed is not in the log after all.
    void log_lacks_some() noexcept { log_tells_all_ = false; }

    outputs& collected() noexcept { return outputs_; }

    /// The outputs can be made again of what the log holds: it is whole, or it is cut where the
    /// outputs are and nothing but text came since.
    bool log_tells_all() const noexcept {
        // Where a full head is followed by an end that lacks nothing, the log does not say so.
        return log_tells_all_ && (!outputs_.full() || outputs_.dropped_bytes() > 0);
    }
    std::optional<std::int64_t> execution_count() const noexcept { return execution_count_; }

    /// The program waits for a line.
    bool wants_input() const noexcept { return wants_input_; }
    void input_given() noexcept { wants_input_ = false; }

private:
    void keep(kernelproto::event& heard, event_recorder::drafts& told);
    bool is_log_alike() const noexcept;

    outputs outputs_;
    replayed before_;
    event_recorder recorder_;
    std::shared_ptr<event_log> log_;
    std::optional<std::int64_t> execution_count_;
    bool wants_input_ = false;
    bool log_tells_all_ = true;
    bool rewritten_ = false;
};

}  // namespace broker
