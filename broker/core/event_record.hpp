// SPDX-License-Identifier: Apache-2.0
// How events stand one after the other in a file: type (one byte), length of the data (four bytes,
// least significant first), data. The number of an event is its place.
// Never trusts the bytes: a file may end anywhere, or hold what a broken disk left. Pure.
#pragma once

#include "broker/core/event.hpp"

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace broker {

inline constexpr std::size_t event_head_bytes = 5;
/// No event is longer: what a kernel may say in one message is bounded far below.
inline constexpr std::uint32_t max_event_data_bytes = std::uint32_t{1} << 30;

void append_record(std::string& out, event_type type, std::string_view data);
/// The same, into the memory of `data`: what is long is not copied.
void append_record(std::string& out, event_type type, std::string&& data);

struct event_head {
    event_type type = event_type::end;
    std::size_t data_bytes = 0;
};

/// Of the record at the start of `bytes`; nothing when they are too few or no record begins there.
std::optional<event_head> read_event_head(std::string_view bytes) noexcept;

/// The record at the start of `bytes`, taken away from them; nothing when it is not whole.
std::optional<event_draft> take_record(std::string_view& bytes);

/// What of `bytes` is whole records, and how many: the rest was cut off while it was written.
struct record_count {
    std::size_t bytes = 0;
    std::uint64_t records = 0;
    bool has_end = false;  // the last of them is `end`
};
record_count count_records(std::string_view bytes) noexcept;

}  // namespace broker
