// SPDX-License-Identifier: Apache-2.0
// The table of routes and the order of the guards. Never reads a body. On the loop.
#include "http/api/api.hpp"

#include "broker/service/service.hpp"
#include "http/api/problem.hpp"
#include "http/proto/refusal.hpp"

#include <utility>

namespace http::api {

struct api::entry {
    http::route route;
    broker::task<response> (api::*answer)(call);
    bool open = false;       // served without credentials
    bool has_forms = false;  // takes Prefer and Idempotency-Key
};

std::vector<api::entry> const& api::table() {
    static std::vector<entry> const all = {
        {{"GET", "/healthz"}, &api::healthz, true},
        {{"GET", "/readyz"}, &api::readyz, true},
        {{"GET", "/version"}, &api::version, true},
        {{"GET", "/openapi.json"}, &api::openapi, true},
        {{"GET", "/docs"}, &api::docs, true},
        {{"POST", "/run"}, &api::run},
        {{"POST", "/upload"}, &api::upload},
        {{"GET", "/download/{id}/{path...}"}, &api::download},
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

api::api(broker::service& service, authenticator auth, host_guard hosts, api_settings settings)
    : service_(service),
      pool_(service.context().pool),
      auth_(std::move(auth)),
      hosts_(std::move(hosts)),
      settings_(settings),
      router_(routes()) {}

broker::task<response> api::handle(request& incoming) {
    if (auto wrong_host = hosts_.check(incoming)) {
        co_return std::move(*wrong_host);
    }
    auto const where = router_.find(incoming.method, incoming.path);
    bool const open = where.kind == routing::outcome::found && table()[where.route].open;
    std::string tenant{default_tenant};
    if (!open) {
        auto known = auth_.check(incoming);
        if (auto* refused = std::get_if<response>(&known)) {
            co_return std::move(*refused);
        }
        tenant = std::get<caller>(std::move(known)).tenant;
    }
    switch (where.kind) {
        case routing::outcome::found:
            break;
        case routing::outcome::method_not_allowed:
            co_return method_not_allowed(where.allow);
        case routing::outcome::not_found:
            co_return refuse(refusal::not_found, "there is nothing at this path");
    }
    if (auto const& one = table()[where.route]; one.route.method != "GET" && !one.has_forms) {
        if (auto refused = refuse_forms(incoming)) {
            co_return std::move(*refused);
        }
    }
    call here{incoming, where, std::move(tenant)};
    auto const answer = table()[where.route].answer;
    co_return co_await (this->*answer)(std::move(here));
}

}  // namespace http::api
