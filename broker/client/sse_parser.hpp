// SPDX-License-Identifier: Apache-2.0
// The bytes of an event stream become events (HTML Standard, section 9.2.6 "Interpreting an event
// stream"). Never reads anything itself, and never keeps more of one event than its bound.
// One per stream, also across reconnects; one thread at a time.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace broker::client {

struct sse_event {
    std::string id;    // the last one the stream gave
    std::string type;  // "message" if the stream named none
    std::string data;
};

class sse_parser {
public:
    /// `max_event_bytes` bounds one line and the data of one event.
    explicit sse_parser(std::size_t max_event_bytes) : max_(max_event_bytes) {}

    /// The events that these bytes complete. Nothing more after an event that was too large.
    std::vector<sse_event> on_bytes(std::string_view bytes);

    /// The connection ended: what is incomplete is dropped, the last id stays.
    void on_end();

    bool too_large() const noexcept { return too_large_; }
    std::string const& last_id() const noexcept { return last_id_; }

private:
    void on_line(std::string_view line, std::vector<sse_event>& out);
    void on_field(std::string_view name, std::string_view value);
    void dispatch(std::vector<sse_event>& out);

    std::size_t max_;
    std::string line_;
    std::string type_;
    std::string data_;
    std::string id_;       // of the event being read
    std::string last_id_;  // of the last event that was given out
    bool after_return_ = false;
    bool first_line_ = true;
    bool too_large_ = false;
};

}  // namespace broker::client
