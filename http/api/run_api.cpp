// SPDX-License-Identifier: Apache-2.0
// The simple API: POST /run. Unknown fields are ignored here, so that people's own clients work.
// Never a rule of its own. On the loop.
#include "broker/core/names.hpp"
#include "broker/service/service.hpp"
#include "http/api/api.hpp"
#include "http/api/problem.hpp"
#include "http/api/render.hpp"
#include "http/proto/object_reader.hpp"

#include <utility>

namespace http::api {

broker::task<response> api::run(call here) {
    if (auto refused = refuse_other_types(here.incoming)) {
        co_return std::move(*refused);
    }
    auto body = co_await read_json(here.incoming, settings_.json_body_bytes, pool_);
    if (auto* refused = std::get_if<response>(&body)) {
        co_return std::move(*refused);
    }
    object_reader fields(std::get<json_document>(body), unknown_fields::ignore);
    broker::execution_options options;
    options.code = fields.required_text("code");
    options.language = read_language(fields);
    options.argv = read_argv(fields);
    options.timeout_field = "timeout";
    options.timeout_s = fields.number(options.timeout_field);
    auto const name = fields.text("session_id");
    if (name && !broker::is_session_name(*name)) {
        fields.reject("session_id", "must be 1-128 of A-Z a-z 0-9 . _ : -, not \".\" or \"..\"");
    }
    if (auto const checked = fields.finish(); !checked) {
        co_return to_response(checked.error());
    }
    broker::session_key session{here.tenant, name ? *name : broker::make_random_id()};
    auto ended = co_await service_.execute(std::move(session), std::move(options));
    if (!ended) {
        co_return to_response(ended.error());
    }
    co_return co_await execution_response(pool_, *std::move(ended), render_run);
}

}  // namespace http::api
