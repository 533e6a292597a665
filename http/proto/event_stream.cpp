// SPDX-License-Identifier: Apache-2.0
// Writing of server-sent events. Never writes a CR: LF alone ends a line, which every client reads.
// Pure; any thread.
#include "http/proto/event_stream.hpp"

#include "http/proto/ascii.hpp"

#include <algorithm>

namespace http {

void append_sse_event(std::string& out, std::uint64_t id, std::string_view type,
                      std::string_view data) {
    out += "id: ";
    out += std::to_string(id);
    out += '\n';
    if (!type.empty()) {
        out += "event: ";
        for (char const c : type) {
            out += ascii::is_control(c) ? ' ' : c;
        }
        out += '\n';
    }
    // An event without a data line would not be told to anybody; so empty data is one empty line.
    for (bool more = true; more;) {
        // Not find_first_of, which looks at each byte twice by a call.
        auto const line = data.substr(0, data.find('\n'));
        auto const end = std::min(line.find('\r'), line.size());
        out += "data: ";
        out += data.substr(0, end);
        out += '\n';
        more = end < data.size();
        data.remove_prefix(end);
        data.remove_prefix(data.starts_with("\r\n") ? 2 : more ? 1 : 0);
    }
    out += '\n';
}

void append_sse_comment(std::string& out) { out += ":\n\n"; }

std::optional<std::uint64_t> parse_event_id(std::string_view text) {
    return ascii::to_number(text);
}

}  // namespace http
