// SPDX-License-Identifier: Apache-2.0
// What operators and probes ask: alive, ready, which version, which interface.
// Never says more to a caller without credentials than what is missing. On the loop.
#include "broker/base/json_text.hpp"
#include "broker/service/service.hpp"
#include "http/api/api.hpp"
#include "http/api/openapi_text.hpp"
#include "http/proto/refusal.hpp"

namespace http::api {

broker::task<response> api::healthz(call) { co_return json_response(200, R"({"status":"ok"})"); }

broker::task<response> api::readyz(call) {
    auto const state = co_await service_.ready();
    if (state.missing.empty()) {
        co_return json_response(200, R"({"status":"ready"})");
    }
    std::string all;
    for (auto const& missing : state.missing) {
        all += all.empty() ? "" : "; ";
        all += missing.detail;
    }
    co_return http::to_response({.status = 503,
                                 .code = "not_ready",
                                 .title = "The broker cannot run sessions",
                                 .detail = all,
                                 .retry_after_s = 5});
}

broker::task<response> api::version(call) {
    std::string text;
    broker::json_object out(text);
    out.string("name", "kernel-broker").string("version", KERNEL_BROKER_VERSION);
    out.close();
    co_return json_response(200, std::move(text));
}

broker::task<response> api::openapi(call) {
    co_return json_response(200, std::string(openapi_text));
}

broker::task<response> api::docs(call) {
    response answer;
    answer.headers.add("Content-Type", "text/html; charset=utf-8");
    answer.headers.add("Content-Security-Policy", "default-src 'none'; style-src 'unsafe-inline'");
    answer.body = std::string(docs_page);
    co_return answer;
}

}  // namespace http::api
