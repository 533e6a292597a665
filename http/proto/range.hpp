// SPDX-License-Identifier: Apache-2.0
// One byte range of a file (RFC 9110 §14). Never splits an answer: several ranges, other units and
// malformed ones are ignored, which the RFC allows, and the whole file is sent. Pure; any thread.
#pragma once

#include "http/proto/etag.hpp"
#include "http/proto/message.hpp"

#include <cstdint>
#include <string>

namespace http {

struct range_choice {
    enum class outcome {
        whole,          // 200
        part,           // 206 with `offset` and `length`
        unsatisfiable,  // 416
    };
    outcome kind = outcome::whole;
    std::uint64_t offset = 0;
    std::uint64_t length = 0;
};

/// From Range and If-Range, for GET only, of a file of `size` bytes in this state.
range_choice choose_range(request const& incoming, std::uint64_t size, resource_state const& now);

/// "bytes 0-9/100", the Content-Range of a part.
std::string content_range(range_choice const& part, std::uint64_t size);

}  // namespace http
