// SPDX-License-Identifier: Apache-2.0
// The rules of RFC 9112 that decide where a request ends, applied to the raw bytes of its head
// before any parser sees them: what two servers could read differently is refused, never mended.
// Never copies, and looks at each byte once however the head is cut. Pure; one thread at a time.
#pragma once

#include "http/proto/refusal.hpp"

#include <cstddef>
#include <string>
#include <string_view>

namespace http {

struct head_limits {
    std::size_t request_line_bytes = std::size_t{8} * 1024;
    std::size_t header_bytes = std::size_t{16} * 1024;  // request line included
    std::size_t fields = 100;
};

class head_guard {
public:
    enum class outcome {
        need_more,
        complete,  // `size` bytes are a head in which nothing is ambiguous
        broken,    // `why` and `sentence` tell; the connection must close
    };

    explicit head_guard(head_limits limits) : limits_(limits) {}

    /// `bytes` starts at the head's first byte and only ever grows from call to call.
    outcome scan(std::string_view bytes);

    std::size_t size() const noexcept { return position_; }
    refusal why() const noexcept { return why_; }
    std::string const& sentence() const noexcept { return sentence_; }

private:
    outcome fail(refusal why, std::string sentence);
    bool line_bytes(std::string_view bytes, std::size_t end);
    bool request_line(std::string_view line);
    bool field_line(std::string_view line);
    bool framing(std::string_view name, std::string_view value);
    bool end_of_head();
    bool bad(std::string sentence);

    head_limits limits_;
    std::size_t position_ = 0;  // start of the line that is being looked at
    std::size_t looked_ = 0;    // bytes known to hold no forbidden character
    std::size_t fields_ = 0;
    std::size_t hosts_ = 0;
    bool http_1_1_ = false;
    bool has_length_ = false;
    bool has_encoding_ = false;
    refusal why_ = refusal::bad_request;
    std::string sentence_;
};

/// Host of RFC 9110 §7.2: characters that a name, an address in brackets and a port can have.
bool is_host(std::string_view text) noexcept;

}  // namespace http
