// SPDX-License-Identifier: Apache-2.0
// Events of any data are read back as they were written, and no data or type makes a second event.
// The first byte says how many of the next are the type; the rest is the data.
#include "http/proto/event_stream.hpp"
#include "tests/unit/http/proto/sse_reader.hpp"

#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <string>

extern "C" int LLVMFuzzerTestOneInput(std::uint8_t const* data, std::size_t size) {
    if (size == 0) {
        return 0;
    }
    std::string_view const bytes(reinterpret_cast<char const*>(data) + 1, size - 1);
    auto const type = bytes.substr(0, data[0]);
    auto const content = bytes.substr(type.size());
    std::string stream;
    http::append_sse_event(stream, size, type, content);
    http::append_sse_comment(stream);
    http::append_sse_event(stream, size + 1, "last", "a");
    auto const events = test::sse_reader::read(stream);
    if (events.size() != 2 || events[0].data != test::with_plain_line_ends(content) ||
        events[1] != test::sse_event{std::to_string(size + 1), "last", "a"}) {
        std::abort();
    }
    auto const id = http::parse_event_id(events[0].id);
    auto const same_length = type.empty() || events[0].type.size() == type.size();
    if (id != size || !same_length) {
        std::abort();
    }
    if (auto const number = http::parse_event_id(content);
        number && content.find_first_not_of("0123456789") != content.npos) {
        std::abort();
    }
    return 0;
}
