// SPDX-License-Identifier: Apache-2.0
// Entity tags and the preconditions that are made with them (RFC 9110 §8.8.3, §13).
// A malformed list of tags names nothing. Pure; any thread.
#pragma once

#include "http/proto/message.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace http {

/// What is there now, seen from a request. All tags are strong and written without their quotes.
struct resource_state {
    std::optional<std::string> tag;             // absent: there is nothing
    std::optional<std::int64_t> modified_unix;  // of what is there
};

std::string quote_tag(std::string_view tag);

enum class precondition {
    holds,
    failed,        // 412
    not_modified,  // 304, for GET and HEAD only
};

/// The conditions of one request, apart from it, so that they can be judged where the file is
/// looked at: If-Match or else If-Unmodified-Since, then If-None-Match or else, for GET and HEAD,
/// If-Modified-Since (§13.2.2). A date that is none is no condition.
class preconditions {
public:
    explicit preconditions(request const& incoming);

    bool any() const noexcept { return match_ || none_match_ || unmodified_ || modified_; }
    precondition check(resource_state const& now) const;

private:
    bool reads_;
    std::optional<std::string> match_;
    std::optional<std::string> none_match_;
    std::optional<std::int64_t> unmodified_;
    std::optional<std::int64_t> modified_;
};

/// True if the tag list of If-Match or If-None-Match ("*" included) names `tag`. `weak` ignores W/.
bool names_tag(std::string_view list, std::optional<std::string> const& tag, bool weak);

}  // namespace http
