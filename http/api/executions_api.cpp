// SPDX-License-Identifier: Apache-2.0
// /v1/sessions/{id}/executions in its waiting form. What is not offered yet is refused, never
// ignored. Never a rule of its own. On the loop.
#include "broker/core/names.hpp"
#include "broker/service/service.hpp"
#include "http/api/api.hpp"
#include "http/api/problem.hpp"
#include "http/api/render.hpp"
#include "http/proto/object_reader.hpp"

#include <utility>

namespace http::api {
namespace {

using broker::errc;
using broker::fail;

broker::execution_options read_options(object_reader& fields) {
    broker::execution_options options;
    options.code = fields.required_text("code");
    options.language = read_language(fields);
    options.timeout_s = fields.number("timeout_s");
    options.silent = fields.boolean("silent").value_or(false);
    options.store_history = fields.boolean("store_history").value_or(true);
    options.collect_files = fields.boolean("collect_files").value_or(true);
    if (fields.boolean("allow_stdin").value_or(false)) {
        fields.reject("allow_stdin", "is not available yet with true");
    }
    auto const on_disconnect = fields.text("on_disconnect").value_or("continue");
    if (on_disconnect == "interrupt") {
        fields.reject("on_disconnect", "is not available yet with \"interrupt\"");
    } else if (on_disconnect != "continue") {
        fields.reject("on_disconnect", "must be \"continue\" or \"interrupt\"");
    }
    return options;
}

}  // namespace

broker::task<response> api::execute(call here) {
    if (auto refused = refuse_other_types(here.incoming)) {
        co_return std::move(*refused);
    }
    if (auto const query = read_query(here.incoming, {}); !query) {
        co_return to_response(query.error());
    }
    auto const name = here.param("id");
    if (!name) {
        co_return to_response(name.error());
    }
    if (auto const named = broker::check_session_name(*name); !named) {
        co_return to_response(named.error());
    }
    auto body = co_await read_json(here.incoming, settings_.json_body_bytes, pool_);
    if (auto* refused = std::get_if<response>(&body)) {
        co_return std::move(*refused);
    }
    object_reader fields(std::get<json_document>(body), unknown_fields::refuse);
    auto options = read_options(fields);
    if (auto const checked = fields.finish(); !checked) {
        co_return to_response(checked.error());
    }
    broker::session_key session{here.tenant, *name};
    auto ended = co_await service_.execute(std::move(session), std::move(options));
    if (!ended) {
        co_return to_response(ended.error());
    }
    co_return co_await execution_response(pool_, *std::move(ended), render_execution);
}

}  // namespace http::api
