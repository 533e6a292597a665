// SPDX-License-Identifier: Apache-2.0
// What a kernel says during one execution, as the events that its log keeps: the head as it comes,
// past the limit nothing, and at the end how much is missing and the last of it.
// Never re-builds the kernel's JSON, and never holds more than twice the tail. One owner.
#pragma once

#include "broker/core/event.hpp"
#include "broker/core/outputs.hpp"

#include <cstdint>
#include <deque>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace broker {

class event_recorder {
public:
    using drafts = std::vector<event_draft>;

    /// `max_outputs` counts events here.
    explicit event_recorder(output_limits limits) : limits_(limits) {}
    event_recorder(event_recorder const&) = delete;
    event_recorder& operator=(event_recorder const&) = delete;

    // Each appends what the log gets now to `out`.

    /// Said once, by whatever comes first: code that runs silently has no count.
    void started(std::optional<std::int64_t> execution_count, drafts& out);
    void text(stream_name stream, std::string_view text, drafts& out);
    void rich(rich_data const& rich, drafts& out);
    void clear(bool wait, drafts& out);
    void error(raised_error const& error, drafts& out);
    void input_request(std::string_view prompt, bool password, drafts& out);
    /// So much was lost before it came here.
    void count_missing(std::uint64_t bytes) noexcept { dropped_bytes_ += bytes; }

    /// At the end of the output: `truncated` and the tail, if anything is missing.
    void close(drafts& out);

    /// Of what a log holds already, when an execution is followed on: `bytes` of events.
    void resume(std::uint64_t events, std::uint64_t bytes, bool started);

    /// The events are not all that was said.
    bool cut() const noexcept { return full_ || dropped_bytes_ > 0; }

    /// The head takes nothing more, and bytes of output that it holds.
    bool full() const noexcept { return full_; }
    std::uint64_t head_bytes() const noexcept { return bytes_; }

private:
    struct held {
        event_type type;
        std::string body;  // of a stream the text, else the data
    };

    void add(event_draft draft, std::uint64_t cost, drafts& out);
    bool fits(std::uint64_t bytes) const noexcept;
    void text_to_tail(event_type type, std::string_view text);
    void hold(held one);
    void trim(std::uint64_t to);

    output_limits limits_;
    bool started_ = false;
    bool full_ = false;
    std::uint64_t events_ = 0;
    std::uint64_t bytes_ = 0;
    std::uint64_t dropped_bytes_ = 0;
    std::uint64_t tail_bytes_ = 0;
    std::deque<held> tail_;
};

/// The data of the events that are about no output.
std::string queued_data(std::size_t position);

}  // namespace broker
