// SPDX-License-Identifier: Apache-2.0
// In which form a client wants the answer to an execution, and its key: what headers say.
// Never a preference of ours that is asked for and ignored. Pure.
#pragma once

#include "broker/base/result.hpp"
#include "http/proto/message.hpp"

#include <chrono>
#include <optional>
#include <string>
#include <variant>

namespace http::api {

struct answer_form {
    enum class kind {
        whole,   // at the end
        later,   // 202 when it has not ended within `wait`
        events,  // as they come
    };

    kind what = kind::whole;
    std::chrono::milliseconds wait{0};
    std::string applied;  // what of `Prefer` was (RFC 7240 §3)
};

/// From `Accept` and `Prefer`; or the answer that refuses.
std::variant<answer_form, response> read_answer_form(request const& incoming);

/// `Idempotency-Key`, 1–128 visible ASCII characters: `invalid_field` for another form.
broker::result<std::optional<std::string>> read_idempotency_key(request const& incoming);

}  // namespace http::api
