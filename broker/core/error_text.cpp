// SPDX-License-Identifier: Apache-2.0
// One spelling of an error for outputs, events and answers. Never half a line of a traceback. Pure.
#include "broker/core/error_text.hpp"

#include "broker/base/json_text.hpp"
#include "broker/base/utf8.hpp"

#include <algorithm>
#include <iterator>

namespace broker {

std::string error_json(raised_error const& error, bool as_output) {
    std::string out;
    json_object object(out);
    if (as_output) {
        object.string("type", "error");
    }
    object.string("ename", error.ename).string("evalue", error.evalue);
    auto& text = object.member("traceback");
    text += '[';
    for (std::size_t i = 0; i < error.traceback.size(); ++i) {
        text += i == 0 ? "" : ",";
        append_json_string(text, error.traceback[i]);
    }
    text += ']';
    object.close();
    return out;
}

raised_error shortened(raised_error error, std::uint64_t tail_bytes) {
    std::size_t const part = tail_bytes / 16;  // a byte takes up to six in JSON
    error.ename = utf8_prefix(error.ename, std::min<std::size_t>(part / 8, 256));
    error.evalue = utf8_prefix(error.evalue, part);
    std::size_t room = part;
    auto line = error.traceback.end();
    while (line != error.traceback.begin() && std::prev(line)->size() + 3 <= room) {
        --line;
        room -= line->size() + 3;
    }
    error.traceback.erase(error.traceback.begin(), line);
    return error;
}

}  // namespace broker
