// SPDX-License-Identifier: Apache-2.0
// The Prefer header (RFC 7240), as far as this server knows preferences. Never guesses: one that it
// knows and cannot read is an error, though the RFC would allow to pass over it. Pure; any thread.
#pragma once

#include "broker/base/result.hpp"
#include "http/proto/message.hpp"

#include <chrono>
#include <optional>

namespace http {

struct preferences {
    bool respond_async = false;                // §4.1
    std::optional<std::chrono::seconds> wait;  // §4.3, at most 2^31 s
};

/// All Prefer fields as one list. Of a name that comes twice the first counts, and other names and
/// all parameters are passed over (§2). `invalid_field`, with a sentence for the client, when the
/// list is malformed, `wait` is not a whole number from 0, or `respond-async` has a value.
broker::result<preferences> parse_prefer(fields const& headers);

}  // namespace http
