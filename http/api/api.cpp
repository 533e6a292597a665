// SPDX-License-Identifier: Apache-2.0
// The table of routes and the order of the guards. Never reads a body. On the loop.
#include "http/api/api.hpp"

#include "broker/base/json_text.hpp"
#include "broker/core/json_slice.hpp"
#include "broker/service/service.hpp"
#include "http/api/body_key.hpp"
#include "http/api/problem.hpp"
#include "http/proto/refusal.hpp"

#include <algorithm>
#include <utility>

namespace http::api {

struct api::entry {
    http::route route;
    broker::task<response> (api::*answer)(call);
    bool open = false;       // served without credentials
    bool has_forms = false;  // takes Prefer and Idempotency-Key
    bool shared = false;     // with LibreChat: see the constructor
};

std::vector<api::entry> const& api::table() {
    static std::vector<entry> const all = {
        {{"GET", "/healthz"}, &api::healthz, true},
        {{"GET", "/readyz"}, &api::readyz, true},
        {{"GET", "/version"}, &api::version, true},
        {{"GET", "/openapi.json"}, &api::openapi, true},
        {{"GET", "/docs"}, &api::docs, true},
        {{"POST", "/run"}, &api::run},
        {{"POST", "/upload"}, &api::upload, false, false, true},
        {{"POST", "/upload/batch"}, &api::upload_batch, false, false, true},
        {{"GET", "/download/{id}/{path...}"}, &api::download, false, false, true},
        {{"POST", "/v1/sessions"}, &api::create_session},
        {{"GET", "/v1/sessions"}, &api::list_sessions},
        {{"GET", "/v1/sessions/{id}"}, &api::get_session},
        {{"DELETE", "/v1/sessions/{id}"}, &api::delete_session},
        {{"POST", "/v1/sessions/{id}/interrupt"}, &api::interrupt_session},
        {{"POST", "/v1/sessions/{id}/restart"}, &api::restart_session},
        {{"POST", "/v1/sessions/{id}/executions"}, &api::execute, false, true},
        {{"GET", "/v1/sessions/{id}/executions"}, &api::list_executions},
        {{"GET", "/v1/executions/{eid}"}, &api::get_execution},
        {{"GET", "/v1/executions/{eid}/events"}, &api::get_events},
        {{"POST", "/v1/executions/{eid}/interrupt"}, &api::interrupt_execution},
        {{"POST", "/v1/executions/{eid}/input"}, &api::give_input},
        {{"GET", "/v1/sessions/{id}/files"}, &api::list_files},
        {{"GET", "/v1/sessions/{id}/files/{path...}"}, &api::get_file},
        {{"PUT", "/v1/sessions/{id}/files/{path...}"}, &api::put_file},
        {{"GET", "/v1/sessions/{id}/versions/{path...}"}, &api::list_versions},
        {{"DELETE", "/v1/sessions/{id}/files/{path...}"}, &api::delete_file},
    };
    return all;
}

std::vector<route> api::routes() {
    std::vector<route> plain;
    for (auto const& one : table()) {
        plain.push_back(one.route);
    }
    return plain;
}

namespace {

std::vector<route> all_routes(std::vector<endpoint> const& shared) {
    auto all = api::routes();
    for (auto const& one : shared) {
        all.push_back(one.route);
    }
    return all;
}

/// The path with repeated slashes as one and none at its end, if that is another.
std::optional<std::string> with_single_slashes(std::string_view path) {
    std::string out(path);
    auto const doubled = [](char a, char b) {
        return a == '/' && b == '/';
    };
    out.erase(std::unique(out.begin(), out.end(), doubled), out.end());
    if (out.size() > 1 && out.back() == '/') {
        out.pop_back();
    }
    return out.size() == path.size() ? std::nullopt : std::optional(std::move(out));
}

/// What LibreChat's clients look for in an answer that is no success.
response with_error_member(response answer) {
    auto* const body = std::get_if<std::string>(&answer.body);
    if (answer.status < 400 || body == nullptr || !body->starts_with('{') ||
        broker::json_raw_member(*body, "error")) {
        return answer;
    }
    bool const limited = answer.status == 429;
    auto const detail = broker::json_string_member(*body, "detail");
    std::string error;
    broker::json_object out(error);
    out.string("error", limited ? "rate_limited" : detail.value_or(""));
    if (auto const wait = broker::json_raw_member(*body, "retry_after_s"); limited && wait) {
        out.raw("retry_after_seconds", *wait);
    }
    *body = error + ',' + body->substr(1);
    return answer;
}

}  // namespace

api::api(broker::service& service, authenticator auth, host_guard hosts, api_settings settings,
         std::vector<endpoint> shared)
    : service_(service),
      pool_(service.context().pool),
      auth_(std::move(auth)),
      hosts_(std::move(hosts)),
      settings_(settings),
      shared_(with_own(std::move(shared))),
      router_(all_routes(shared_)) {}

/// Where LibreChat's base address is not the root.
std::vector<endpoint> api::with_own(std::vector<endpoint> shared) {
    auto const add = [&](std::string_view method, std::string_view pattern,
                         broker::task<response> (api::*answer)(call)) {
        shared.push_back({{method, pattern}, [this, answer](call here) {
                              return (this->*answer)(std::move(here));
                          }});
    };
    add("POST", "/v1/upload", &api::upload);
    add("POST", "/run/upload", &api::upload);
    add("POST", "/v1/upload/batch", &api::upload_batch);
    add("POST", "/run/upload/batch", &api::upload_batch);
    add("GET", "/v1/download/{id}/{path...}", &api::download);
    add("GET", "/run/download/{id}/{path...}", &api::download);
    return shared;
}

bool api::is_shared(std::size_t route) const {
    return route >= table().size() || table()[route].shared;
}

bool api::is_open(std::size_t route) const {
    return route < table().size() ? table()[route].open : shared_[route - table().size()].open;
}

bool api::takes_key_in_body(std::size_t route) const {
    return route >= table().size() && shared_[route - table().size()].key_in_body;
}

broker::task<response> api::handle(request& incoming) {
    auto where = router_.find(incoming.method, incoming.path);
    // Outlives `where`, which has views of it.
    auto const single = where.kind == routing::outcome::not_found
                            ? with_single_slashes(incoming.path)
                            : std::nullopt;
    if (single) {
        auto meant = router_.find(incoming.method, *single);
        if (meant.kind != routing::outcome::not_found && is_shared(meant.route)) {
            where = std::move(meant);
        }
    }
    bool const shared =
        where.kind == routing::outcome::not_found ? is_librechat(incoming) : is_shared(where.route);
    auto told = co_await guarded(incoming, where);
    co_return shared ? with_error_member(std::move(told)) : std::move(told);
}

broker::task<response> api::guarded(request& incoming, routing const& where) {
    if (auto wrong_host = hosts_.check(incoming)) {
        co_return std::move(*wrong_host);
    }
    bool const found = where.kind == routing::outcome::found;
    caller who{std::string(default_tenant)};
    std::unique_ptr<body_reader> read_before;
    if (!found || !is_open(where.route)) {
        auto known = found && takes_key_in_body(where.route) && auth_.lacks_credentials(incoming)
                         ? co_await judge_body_key(incoming, auth_, read_before)
                         : auth_.check(incoming);
        if (auto* refused = std::get_if<response>(&known)) {
            co_return std::move(*refused);
        }
        who = std::get<caller>(std::move(known));
    }
    switch (where.kind) {
        case routing::outcome::found:
            break;
        case routing::outcome::method_not_allowed:
            co_return method_not_allowed(where.allow);
        case routing::outcome::not_found:
            co_return refuse(refusal::not_found, "there is nothing at this path");
    }
    co_return co_await answer(
        {incoming, where, std::move(who.tenant), std::move(who.shared_tenant)}, where.route);
}

broker::task<response> api::answer(call here, std::size_t route) {
    if (route >= table().size()) {
        co_return co_await shared_[route - table().size()].answer(std::move(here));
    }
    auto const& one = table()[route];
    if (one.route.method != "GET" && !one.has_forms) {
        if (auto refused = refuse_forms(here.incoming)) {
            co_return std::move(*refused);
        }
    }
    co_return co_await (this->*one.answer)(std::move(here));
}

}  // namespace http::api
