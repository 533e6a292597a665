// SPDX-License-Identifier: Apache-2.0
// /v1/sessions/{id}/executions: sending code, in the form of answer that the client chose, and the
// list of what was sent. Never a rule of its own. On the loop.
#include "broker/core/names.hpp"
#include "broker/service/service.hpp"
#include "http/api/answer_form.hpp"
#include "http/api/api.hpp"
#include "http/api/execution_stream.hpp"
#include "http/api/problem.hpp"
#include "http/api/render.hpp"
#include "http/proto/object_reader.hpp"

#include <chrono>
#include <utility>

namespace http::api {
namespace {

using broker::errc;
using broker::fail;

broker::execution_options read_wanted(object_reader& fields) {
    broker::execution_options options;
    options.code = fields.required_text("code");
    options.language = read_language(fields);
    options.timeout_s = fields.number("timeout_s");
    options.silent = fields.boolean("silent").value_or(false);
    options.store_history = fields.boolean("store_history").value_or(true);
    options.collect_files = fields.boolean("collect_files").value_or(true);
    options.allow_stdin = fields.boolean("allow_stdin").value_or(false);
    options.argv = read_argv(fields);
    auto const on_disconnect = fields.text("on_disconnect").value_or("continue");
    options.interrupt_on_disconnect = on_disconnect == "interrupt";
    if (!options.interrupt_on_disconnect && on_disconnect != "continue") {
        fields.reject("on_disconnect", "must be \"continue\" or \"interrupt\"");
    }
    return options;
}

void add_location(response& answer, broker::execution_id const& id) {
    answer.headers.add("Location", "/v1/executions/" + id.str());
}

}  // namespace

broker::task<response> api::execute(call here) {
    auto const form = read_answer_form(here.incoming);
    if (auto const* refused = std::get_if<response>(&form)) {
        co_return *refused;
    }
    if (auto const query = read_query(here.incoming, {}); !query) {
        co_return to_response(query.error());
    }
    auto const key = read_idempotency_key(here.incoming);
    if (!key) {
        co_return to_response(key.error());
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
    auto wanted = read_wanted(fields);
    if (auto const checked = fields.finish(); !checked) {
        co_return to_response(checked.error());
    }
    wanted.idempotency_key = *key;
    bool const interrupts = wanted.interrupt_on_disconnect;
    auto const how = std::get<answer_form>(form);
    auto ticket = co_await service_.submit({here.tenant, *name}, std::move(wanted),
                                           how.what != answer_form::kind::whole);
    if (!ticket) {
        co_return to_response(ticket.error());
    }
    if (ticket->joined && how.what != answer_form::kind::whole) {
        broker::service::promise(*ticket);
    }
    co_return co_await answer_in_form(here, std::move(*ticket), how, interrupts);
}

broker::task<response> api::answer_in_form(call here, broker::execution_ticket ticket,
                                           answer_form form, bool interrupt_on_disconnect) {
    auto const id = ticket.id;
    if (form.what == answer_form::kind::events) {
        auto events = co_await service_.read_events(ticket, 0, true);
        if (!events) {
            co_return to_response(events.error());
        }
        auto answer = stream_response(std::make_shared<execution_stream>(
            service_, std::move(ticket), std::move(*events), interrupt_on_disconnect));
        add_location(answer, id);
        co_return answer;
    }
    if (interrupt_on_disconnect && here.incoming.peer != nullptr) {
        here.incoming.peer->on_hangup([this, ticket] { service_.leave(ticket); });
    }
    std::optional<broker::steady_time> until;
    if (form.what == answer_form::kind::later) {
        until = std::chrono::steady_clock::now() + form.wait;
    }
    auto const ended = co_await service_.wait(ticket, until);
    if (!ended) {
        co_return to_response(ended.error());
    }
    auto text = co_await service_.text_of(std::move(ticket));
    if (!text) {
        co_return to_response(text.error());
    }
    auto answer = json_response(*ended ? 200 : 202, std::move(*text));
    add_location(answer, id);
    if (!form.applied.empty()) {
        answer.headers.add("Preference-Applied", form.applied);
    }
    co_return answer;
}

broker::task<response> api::list_executions(call here) {
    auto const query = read_query(here.incoming, {"limit", "cursor"});
    if (!query) {
        co_return to_response(query.error());
    }
    auto const limit = page_limit(*query, 100);
    if (!limit) {
        co_return to_response(limit.error());
    }
    auto session = here.session();
    if (!session) {
        co_return to_response(session.error());
    }
    std::optional<broker::execution_id> before;
    if (auto const at = query->find("cursor"); at != query->end()) {
        if (!broker::is_random_id(at->second)) {
            co_return to_response(
                fail(errc::invalid_field, "cursor: use next_cursor of the page before"));
        }
        before = broker::execution_id(at->second);
    }
    auto const page =
        co_await service_.list_executions(std::move(*session), *limit, std::move(before));
    if (!page) {
        co_return to_response(page.error());
    }
    co_return json_response(200, render_execution_page(*page));
}

}  // namespace http::api
