// SPDX-License-Identifier: Apache-2.0
// Headers of one route. Never reads a body. Pure.
#include "http/api/answer_form.hpp"

#include "http/api/problem.hpp"
#include "http/proto/media_type.hpp"
#include "http/proto/prefer.hpp"
#include "http/proto/refusal.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace http::api {
namespace {

using broker::errc;
using broker::fail;

/// Longer than any execution may take.
constexpr std::chrono::hours longest_wait{24};

bool wants_events(std::string const& accept) {
    auto const events = accept_quality(accept, "text", "event-stream");
    auto const json = accept_quality(accept, "application", "json");
    // `*/*` means the default; who names the stream means it.
    auto const text = accept_quality(accept, "text", "html");
    return events > 0 && events >= json && (events > text || json == 0);
}

}  // namespace

std::variant<answer_form, response> read_answer_form(request const& incoming) {
    answer_form form;
    if (auto const accept = incoming.headers.joined("Accept")) {
        if (wants_events(*accept)) {
            form.what = answer_form::kind::events;
            return form;
        }
        if (accept_quality(*accept, "application", "json") == 0) {
            return refuse(refusal::not_acceptable,
                          "this route answers application/json or text/event-stream");
        }
    }
    auto const prefer = parse_prefer(incoming.headers);
    if (!prefer) {
        return to_response(prefer.error());
    }
    if (prefer->wait) {
        form.what = answer_form::kind::later;
        form.wait = std::min<std::chrono::milliseconds>(*prefer->wait, longest_wait);
        form.applied = fmt::format("wait={}", prefer->wait->count());
    } else if (prefer->respond_async) {
        form.what = answer_form::kind::later;
        form.applied = "respond-async";
    }
    return form;
}

broker::result<std::optional<std::string>> read_idempotency_key(request const& incoming) {
    auto const* const key = incoming.headers.find("Idempotency-Key");
    if (key == nullptr) {
        return std::optional<std::string>();
    }
    bool const visible =
        std::all_of(key->begin(), key->end(), [](char c) { return c > ' ' && c < '\x7F'; });
    if (incoming.headers.count("Idempotency-Key") != 1 || key->empty() || key->size() > 128 ||
        !visible) {
        return fail(errc::invalid_field,
                    "Idempotency-Key: once, 1 to 128 visible ASCII characters without spaces");
    }
    return std::optional(*key);
}

}  // namespace http::api
