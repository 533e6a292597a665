// SPDX-License-Identifier: Apache-2.0
// /v1/executions/{eid}: one execution, its events, its interrupt and its input.
// Never a rule of its own. On the loop.
#include "broker/service/service.hpp"
#include "http/api/answer_form.hpp"
#include "http/api/api.hpp"
#include "http/api/execution_stream.hpp"
#include "http/api/problem.hpp"
#include "http/proto/event_stream.hpp"
#include "http/proto/media_type.hpp"
#include "http/proto/object_reader.hpp"
#include "http/proto/refusal.hpp"

#include <utility>

namespace http::api {
namespace {

using broker::errc;
using broker::fail;

struct event_query {
    std::uint64_t after = 0;
    bool follow = true;
};

broker::result<event_query> read_event_query(request const& incoming) {
    auto const query = read_query(incoming, {"after", "follow"});
    if (!query) {
        return query.error();
    }
    event_query wanted;
    // A client that connects again repeats its address: what it has seen last is in the header.
    auto const* const last_id = incoming.headers.find("Last-Event-ID");
    auto const at = query->find("after");
    if (last_id != nullptr || at != query->end()) {
        auto const after = parse_event_id(last_id != nullptr ? *last_id : at->second);
        if (!after) {
            return fail(errc::invalid_field,
                        std::string(last_id != nullptr ? "Last-Event-ID" : "after") +
                            ": the number of the last event that was seen, 0 for none");
        }
        wanted.after = *after;
    }
    if (auto const follow = query->find("follow"); follow != query->end()) {
        if (follow->second != "true" && follow->second != "false") {
            return fail(errc::invalid_field, "follow: true or false");
        }
        wanted.follow = follow->second == "true";
    }
    return wanted;
}

}  // namespace

broker::task<broker::result<broker::execution_ticket>> api::execution_of(call here) {
    auto const id = here.param("eid");
    if (!id || !broker::is_random_id(*id)) {
        co_return fail(errc::execution_not_found, "there is no execution of that id");
    }
    co_return co_await service_.find_execution(here.tenant, broker::execution_id(*id));
}

broker::task<response> api::get_execution(call here) {
    if (auto refused = refuse_other_types(here.incoming)) {
        co_return std::move(*refused);
    }
    if (auto const query = read_query(here.incoming, {}); !query) {
        co_return to_response(query.error());
    }
    auto ticket = co_await execution_of(here);
    if (!ticket) {
        co_return to_response(ticket.error());
    }
    auto text = co_await service_.text_of(std::move(*ticket));
    if (!text) {
        co_return to_response(text.error());
    }
    co_return json_response(200, std::move(*text));
}

broker::task<response> api::get_events(call here) {
    auto const accept = here.incoming.headers.joined("Accept");
    if (accept && accept_quality(*accept, "text", "event-stream") == 0) {
        co_return refuse(refusal::not_acceptable, "this route answers text/event-stream");
    }
    auto const wanted = read_event_query(here.incoming);
    if (!wanted) {
        co_return to_response(wanted.error());
    }
    auto ticket = co_await execution_of(here);
    if (!ticket) {
        co_return to_response(ticket.error());
    }
    auto events = co_await service_.read_events(*ticket, wanted->after, wanted->follow);
    if (!events) {
        co_return to_response(events.error());
    }
    if ((*events)->nothing_left()) {
        // What makes a browser's EventSource stop asking (WHATWG HTML §9.2.2).
        co_return empty_response(204);
    }
    co_return stream_response(std::make_shared<execution_stream>(service_, std::move(*ticket),
                                                                 std::move(*events), false));
}

broker::task<response> api::interrupt_execution(call here) {
    if (auto const query = read_query(here.incoming, {}); !query) {
        co_return to_response(query.error());
    }
    auto ticket = co_await execution_of(here);
    if (!ticket) {
        co_return to_response(ticket.error());
    }
    if (auto const done = service_.interrupt_execution(*ticket); !done) {
        co_return to_response(done.error());
    }
    auto text = co_await service_.text_of(std::move(*ticket));
    if (!text) {
        co_return to_response(text.error());
    }
    co_return json_response(200, std::move(*text));
}

broker::task<response> api::give_input(call here) {
    if (auto const query = read_query(here.incoming, {}); !query) {
        co_return to_response(query.error());
    }
    auto body = co_await read_json(here.incoming, settings_.json_body_bytes, pool_);
    if (auto* refused = std::get_if<response>(&body)) {
        co_return std::move(*refused);
    }
    object_reader fields(std::get<json_document>(body), unknown_fields::refuse);
    auto value = fields.required_text("value");
    if (auto const checked = fields.finish(); !checked) {
        co_return to_response(checked.error());
    }
    auto ticket = co_await execution_of(here);
    if (!ticket) {
        co_return to_response(ticket.error());
    }
    if (auto const given = service_.answer_input(*ticket, std::move(value)); !given) {
        co_return to_response(given.error());
    }
    co_return empty_response(204);
}

}  // namespace http::api
