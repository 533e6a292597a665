// SPDX-License-Identifier: Apache-2.0
// /v1/sessions: open, list, look at, delete. Never a rule of its own. On the loop.
#include "broker/base/json_text.hpp"
#include "broker/core/names.hpp"
#include "broker/service/service.hpp"
#include "http/api/api.hpp"
#include "http/api/problem.hpp"
#include "http/api/render.hpp"
#include "http/proto/object_reader.hpp"

#include <cmath>
#include <limits>
#include <utility>

namespace http::api {
namespace {

/// Beyond what any limit allows: too high, whatever the maximum is.
std::optional<std::int64_t> signed_of(std::optional<double> value) {
    if (!value) {
        return std::nullopt;
    }
    constexpr double largest = 9.0e18;
    return static_cast<std::int64_t>(std::clamp(*value, -largest, largest));
}

/// Whole numbers; a negative one is for the broker to refuse with its own sentence.
std::optional<std::int64_t> read_whole(object_reader& fields, std::string_view name) {
    auto const value = fields.number(name);
    if (value && *value != std::floor(*value)) {
        fields.reject(name, "must be a whole number");
    }
    return signed_of(value);
}

broker::session_request read_wish(object_reader& fields) {
    broker::session_request wish;
    wish.language = fields.text("language");
    wish.image = fields.text("image");
    wish.idle_timeout_s = fields.number("idle_timeout_s");
    if (auto const labels = fields.texts("labels")) {
        wish.labels.assign(labels->begin(), labels->end());
    }
    auto limits = fields.object("limits");
    wish.wanted.memory_bytes = read_whole(limits, "memory_bytes");
    wish.wanted.cpus = limits.number("cpus");
    wish.wanted.pids = read_whole(limits, "pids");
    wish.wanted.disk_bytes = read_whole(limits, "disk_bytes");
    wish.wanted.timeout_s = limits.number("timeout_s");
    return wish;
}

}  // namespace

broker::task<response> api::create_session(call here) {
    if (auto const query = read_query(here.incoming, {}); !query) {
        co_return to_response(query.error());
    }
    auto body = co_await read_json(here.incoming, settings_.json_body_bytes, pool_);
    if (auto* refused = std::get_if<response>(&body)) {
        co_return std::move(*refused);
    }
    object_reader fields(std::get<json_document>(body), unknown_fields::refuse);
    auto const name = fields.text("id");
    auto wish = read_wish(fields);
    if (auto const checked = fields.finish(); !checked) {
        co_return to_response(checked.error());
    }
    broker::session_key session{here.tenant, name ? *name : broker::make_random_id()};
    auto const made = co_await service_.create_session(session, std::move(wish));
    if (!made) {
        co_return to_response(made.error());
    }
    auto answer = json_response(201, render_session(*made));
    answer.headers.add("Location", "/v1/sessions/" + session.name);
    co_return answer;
}

broker::task<response> api::list_sessions(call here) {
    auto const query = read_query(here.incoming, {"limit", "cursor", "label"}, "label");
    if (!query) {
        co_return to_response(query.error());
    }
    auto const limit = page_limit(*query, 50);
    if (!limit) {
        co_return to_response(limit.error());
    }
    broker::label_list labels;
    for (auto [at, end] = query->equal_range("label"); at != end; ++at) {
        auto const equals = at->second.find('=');
        if (equals == std::string::npos) {
            co_return to_response(
                broker::fail(broker::errc::invalid_field, "label: write it as name=value"));
        }
        labels.emplace_back(at->second.substr(0, equals), at->second.substr(equals + 1));
    }
    auto const cursor = query->find("cursor");
    if (cursor != query->end() && !broker::is_session_name(cursor->second)) {
        co_return to_response(
            broker::fail(broker::errc::invalid_field, "cursor: not one that was given out"));
    }
    auto const page = co_await service_.list_sessions(
        here.tenant, *limit, cursor == query->end() ? std::string{} : cursor->second,
        std::move(labels));
    if (!page) {
        co_return to_response(page.error());
    }
    co_return json_response(200, render_session_page(*page));
}

broker::task<response> api::get_session(call here) {
    if (auto const query = read_query(here.incoming, {}); !query) {
        co_return to_response(query.error());
    }
    auto const session = here.session();
    if (!session) {
        co_return to_response(session.error());
    }
    auto const found = co_await service_.find_session(*session);
    if (!found) {
        co_return to_response(found.error());
    }
    co_return json_response(200, render_session(*found));
}

broker::task<response> api::delete_session(call here) {
    if (auto const query = read_query(here.incoming, {}); !query) {
        co_return to_response(query.error());
    }
    auto const session = here.session();
    if (!session) {
        co_return to_response(session.error());
    }
    auto const gone = co_await service_.delete_session(*session);
    if (!gone) {
        co_return to_response(gone.error());
    }
    co_return empty_response(204);
}

broker::task<response> api::interrupt_session(call here) {
    if (auto const query = read_query(here.incoming, {}); !query) {
        co_return to_response(query.error());
    }
    auto session = here.session();
    if (!session) {
        co_return to_response(session.error());
    }
    auto const interrupted = co_await service_.interrupt_session(std::move(*session));
    if (!interrupted) {
        co_return to_response(interrupted.error());
    }
    std::string text;
    broker::json_object out(text);
    out.boolean("interrupted", *interrupted);
    out.close();
    co_return json_response(200, std::move(text));
}

broker::task<response> api::restart_session(call here) {
    if (auto const query = read_query(here.incoming, {}); !query) {
        co_return to_response(query.error());
    }
    auto session = here.session();
    if (!session) {
        co_return to_response(session.error());
    }
    auto const view = co_await service_.restart_session(std::move(*session));
    if (!view) {
        co_return to_response(view.error());
    }
    co_return json_response(200, render_session(*view));
}

}  // namespace http::api
