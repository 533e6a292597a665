// SPDX-License-Identifier: Apache-2.0
// A client's reading of server-sent events, written after WHATWG HTML §9.2.6 step by step and not
// after our writer, so that tests and fuzzing compare two opinions. Pure.
#pragma once

#include <algorithm>
#include <string>
#include <string_view>
#include <vector>

namespace test {

struct sse_event {
    std::string id;
    std::string type;
    std::string data;
    bool operator==(sse_event const&) const = default;
};

class sse_reader {
public:
    /// The events of a whole stream; what comes after its last empty line is discarded.
    static std::vector<sse_event> read(std::string_view stream) {
        sse_reader reader;
        if (stream.starts_with("\xef\xbb\xbf")) {
            stream.remove_prefix(3);
        }
        while (!stream.empty()) {
            auto const end = stream.find_first_of("\r\n");
            if (end == std::string_view::npos) {
                break;
            }
            reader.line(stream.substr(0, end));
            stream.remove_prefix(end);
            stream.remove_prefix(stream.starts_with("\r\n") ? 2 : 1);
        }
        return reader.events_;
    }

private:
    void line(std::string_view text) {
        if (text.empty()) {
            dispatch();
            return;
        }
        auto const colon = text.find(':');
        if (colon == 0) {
            return;
        }
        auto const name = text.substr(0, colon);
        std::string_view value;
        if (colon != std::string_view::npos) {
            value = text.substr(colon + 1);
            value.remove_prefix(value.starts_with(' ') ? 1 : 0);
        }
        if (name == "event") {
            type_ = value;
        } else if (name == "data") {
            data_ += value;
            data_ += '\n';
        } else if (name == "id" && value.find('\0') == std::string_view::npos) {
            id_ = value;
        }
    }

    void dispatch() {
        if (!data_.empty()) {
            data_.pop_back();
            events_.push_back({id_, type_.empty() ? "message" : type_, data_});
        }
        data_.clear();
        type_.clear();
    }

    std::string id_;  // stays for the next event
    std::string type_;
    std::string data_;
    std::vector<sse_event> events_;
};

/// What a client gets of data: each CR, LF or CRLF is LF.
inline std::string with_plain_line_ends(std::string_view data) {
    std::string out;
    for (std::size_t i = 0; i < data.size(); ++i) {
        bool const pair = data.substr(i).starts_with("\r\n");
        out += data[i] == '\r' ? '\n' : data[i];
        i += pair ? 1 : 0;
    }
    return out;
}

}  // namespace test
