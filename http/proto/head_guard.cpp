// SPDX-License-Identifier: Apache-2.0
// The checks on a request's head, line by line as they arrive.
// Never waits for the end of a head that is broken at its start. Pure.
#include "http/proto/head_guard.hpp"

#include "http/proto/ascii.hpp"

#include <algorithm>

namespace http {

bool is_host(std::string_view text) noexcept {
    return std::all_of(text.begin(), text.end(), [](char c) {
        return ascii::is_alnum(c) ||
               std::string_view{"-._~:[]%!$&'()*+,;="}.find(c) != std::string_view::npos;
    });
}

head_guard::outcome head_guard::fail(refusal why, std::string sentence) {
    why_ = why;
    sentence_ = std::move(sentence);
    return outcome::broken;
}

bool head_guard::bad(std::string sentence) {
    fail(refusal::bad_request, std::move(sentence));
    return false;
}

head_guard::outcome head_guard::scan(std::string_view bytes) {
    for (;;) {
        bool const first = position_ == 0;
        auto const longest_line = limits_.request_line_bytes + 2;
        auto const limit =
            first ? std::min(longest_line, limits_.header_bytes) : limits_.header_bytes;
        auto const found = bytes.find('\n', looked_);
        bool const whole = found != std::string_view::npos;
        auto const end = whole ? found + 1 : bytes.size();
        // Nothing behind the limit is judged, so that the verdict does not depend on the cut.
        if (!line_bytes(bytes, std::min(whole ? found : end, limit))) {
            return outcome::broken;
        }
        if (end > limit && first && limit == longest_line) {
            return fail(refusal::uri_too_long,
                        "The request line is longer than this server takes.");
        }
        if (end > limit) {
            return fail(refusal::header_too_large, "The header is longer than this server takes.");
        }
        if (!whole) {
            return outcome::need_more;
        }
        if (found == position_ || bytes[found - 1] != '\r') {
            return fail(refusal::bad_request, "A line ends without a carriage return.");
        }
        auto const line = bytes.substr(position_, found - 1 - position_);
        position_ = looked_ = end;
        if (!first && line.empty()) {
            return end_of_head() ? outcome::complete : outcome::broken;
        }
        if (first ? !request_line(line) : !field_line(line)) {
            return outcome::broken;
        }
    }
}

/// Looks at what is new of the current line, up to `end`.
bool head_guard::line_bytes(std::string_view bytes, std::size_t end) {
    for (; looked_ < end; ++looked_) {
        char const c = bytes[looked_];
        if (c == '\r') {
            if (looked_ + 1 == bytes.size()) {
                return true;  // looked at again when the next byte is there
            }
            if (bytes[looked_ + 1] != '\n') {
                return bad("A carriage return stands alone.");
            }
        } else if (ascii::is_control(c) && c != '\t') {
            return bad("The header holds a control character.");
        }
    }
    return true;
}

bool head_guard::request_line(std::string_view line) {
    auto const first = line.find(' ');
    auto const last = line.rfind(' ');
    if (first == std::string_view::npos || first == last) {
        return bad("The request line is not method, target and version.");
    }
    auto const target = line.substr(first + 1, last - first - 1);
    auto const version = line.substr(last + 1);
    bool const visible = std::all_of(target.begin(), target.end(), [](char c) {
        return c > ' ' && c < 0x7f && c != '#' && c != '"' && c != '<' && c != '>' && c != '\\';
    });
    if (!ascii::is_token(line.substr(0, first)) || target.empty() || !visible) {
        return bad(
            "The request line is not method, target and version, with one space between "
            "them and everything else percent-encoded.");
    }
    http_1_1_ = version == "HTTP/1.1";
    if (http_1_1_ || version == "HTTP/1.0") {
        return true;
    }
    bool const other = version.size() == 8 && version.starts_with("HTTP/") &&
                       ascii::is_digit(version[5]) && version[6] == '.' &&
                       ascii::is_digit(version[7]);
    if (!other) {
        return bad("The request line does not end with a version of HTTP.");
    }
    fail(refusal::version_not_supported, "Only HTTP/1.1 and HTTP/1.0 are spoken here.");
    return false;
}

bool head_guard::field_line(std::string_view line) {
    if (++fields_ > limits_.fields) {
        fail(refusal::header_too_large, "The header has more fields than this server takes.");
        return false;
    }
    if (line.empty() || line[0] == ' ' || line[0] == '\t') {
        return bad("A header line starts with white space.");
    }
    auto const colon = line.find(':');
    if (colon == std::string_view::npos || !ascii::is_token(line.substr(0, colon))) {
        return bad("A header line is not a name and a colon.");
    }
    return framing(line.substr(0, colon), ascii::trim(line.substr(colon + 1)));
}

/// What decides about the end of the body, and where the request is meant to go.
bool head_guard::framing(std::string_view name, std::string_view value) {
    if (ascii::equal(name, "Content-Length")) {
        if (has_length_ || !ascii::to_number(value)) {
            return bad("Content-Length must be there once at most and be a number.");
        }
        has_length_ = true;
    } else if (ascii::equal(name, "Transfer-Encoding")) {
        if (has_encoding_ || !ascii::equal(value, "chunked")) {
            return bad("Transfer-Encoding must be there once at most and be chunked.");
        }
        has_encoding_ = true;
    } else if (ascii::equal(name, "Host")) {
        if (++hosts_ > 1 || !is_host(value)) {
            return bad("Host must be there once and be a host.");
        }
    } else if (ascii::equal(name, "Expect") && !ascii::equal(value, "100-continue") && http_1_1_) {
        fail(refusal::expectation_failed, "The only expectation known here is 100-continue.");
        return false;
    }
    return true;
}

bool head_guard::end_of_head() {
    if (has_length_ && has_encoding_) {
        return bad("Content-Length and Transfer-Encoding exclude each other.");
    }
    if (has_encoding_ && !http_1_1_) {
        return bad("HTTP/1.0 has no Transfer-Encoding.");
    }
    if (http_1_1_ && hosts_ == 0) {
        return bad("Host is missing.");
    }
    return true;
}

}  // namespace http
