// SPDX-License-Identifier: Apache-2.0
// Writing and reading of single records. Never reads past what it was given. Pure.
#include "broker/core/event_record.hpp"

#include <stdexcept>
#include <utility>

namespace broker {

namespace {

void append_head(std::string& out, event_type type, std::size_t data_bytes) {
    if (data_bytes > max_event_data_bytes) {
        throw std::logic_error("an event longer than any message");
    }
    out += static_cast<char>(type);
    for (unsigned shift = 0; shift < 32; shift += 8) {
        out += static_cast<char>((data_bytes >> shift) & 0xFFU);
    }
}

}  // namespace

void append_record(std::string& out, event_type type, std::string_view data) {
    append_head(out, type, data.size());
    out += data;
}

void append_record(std::string& out, event_type type, std::string&& data) {
    append_head(out, type, data.size());
    if (data.size() <= out.size()) {
        out += data;
    } else {
        data.insert(0, out);
        out = std::move(data);
    }
}

std::optional<event_head> read_event_head(std::string_view bytes) noexcept {
    if (bytes.size() < event_head_bytes) {
        return std::nullopt;
    }
    auto const type = event_type_from(static_cast<std::uint8_t>(bytes[0]));
    std::uint32_t size = 0;
    for (unsigned i = 0; i < 4; ++i) {
        size |= static_cast<std::uint32_t>(static_cast<unsigned char>(bytes[1 + i])) << (8 * i);
    }
    if (!type || size > max_event_data_bytes) {
        return std::nullopt;
    }
    return event_head{*type, size};
}

std::optional<event_draft> take_record(std::string_view& bytes) {
    auto const head = read_event_head(bytes);
    if (!head || bytes.size() - event_head_bytes < head->data_bytes) {
        return std::nullopt;
    }
    event_draft one{head->type, std::string(bytes.substr(event_head_bytes, head->data_bytes))};
    bytes.remove_prefix(event_head_bytes + head->data_bytes);
    return one;
}

record_count count_records(std::string_view bytes) noexcept {
    record_count counted;
    // Nothing follows an `end`.
    while (!counted.has_end) {
        auto const head = read_event_head(bytes.substr(counted.bytes));
        if (!head || bytes.size() - counted.bytes - event_head_bytes < head->data_bytes) {
            break;
        }
        counted.bytes += event_head_bytes + head->data_bytes;
        ++counted.records;
        counted.has_end = head->type == event_type::end;
    }
    return counted;
}

}  // namespace broker
