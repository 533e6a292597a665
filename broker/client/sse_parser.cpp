// SPDX-License-Identifier: Apache-2.0
// Lines end with CR, LF or CRLF; an empty one gives the event out. Never looks at what data means.
// One thread at a time.
#include "broker/client/sse_parser.hpp"

#include <utility>

namespace broker::client {

std::vector<sse_event> sse_parser::on_bytes(std::string_view bytes) {
    std::vector<sse_event> out;
    while (!bytes.empty() && !too_large_) {
        if (std::exchange(after_return_, false) && bytes.front() == '\n') {
            bytes.remove_prefix(1);
            continue;
        }
        auto const end = bytes.find_first_of("\r\n");
        auto const piece = bytes.substr(0, end);
        if (line_.size() + piece.size() > max_) {
            too_large_ = true;
            break;
        }
        if (end == std::string_view::npos) {
            line_ += piece;
            break;
        }
        after_return_ = bytes[end] == '\r';
        bytes.remove_prefix(end + 1);
        if (line_.empty()) {
            on_line(piece, out);
        } else {
            line_ += piece;
            on_line(line_, out);
            line_.clear();
        }
    }
    return out;
}

void sse_parser::on_end() {
    line_.clear();
    type_.clear();
    data_.clear();
    id_ = last_id_;
    after_return_ = false;
    first_line_ = true;
}

void sse_parser::on_line(std::string_view line, std::vector<sse_event>& out) {
    if (std::exchange(first_line_, false) && line.starts_with("\xEF\xBB\xBF")) {
        line.remove_prefix(3);
    }
    if (line.empty()) {
        dispatch(out);
        return;
    }
    auto const colon = line.find(':');
    if (colon == 0) {
        return;  // a comment, sent to keep the connection awake
    }
    if (colon == std::string_view::npos) {
        on_field(line, {});
        return;
    }
    auto value = line.substr(colon + 1);
    if (value.starts_with(' ')) {
        value.remove_prefix(1);
    }
    on_field(line.substr(0, colon), value);
}

void sse_parser::on_field(std::string_view name, std::string_view value) {
    if (name == "event") {
        type_ = value;
    } else if (name == "data") {
        if (data_.size() + value.size() >= max_) {
            too_large_ = true;
            return;
        }
        data_ += value;
        data_ += '\n';
    } else if (name == "id" && value.find('\0') == std::string_view::npos) {
        id_ = value;
    }
    // `retry` is not heeded: the pauses between attempts are the client's own.
}

void sse_parser::dispatch(std::vector<sse_event>& out) {
    last_id_ = id_;
    if (!data_.empty()) {
        data_.pop_back();
        out.push_back({last_id_, type_.empty() ? "message" : std::move(type_), std::move(data_)});
    }
    type_.clear();
    data_.clear();
}

}  // namespace broker::client
