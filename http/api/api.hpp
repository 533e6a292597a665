// SPDX-License-Identifier: Apache-2.0
// Everything that is served: guards first, then the router, then one facade.
// Never holds a rule of the broker: a facade translates and calls the service.
// On the loop; outlived by nothing it refers to.
#pragma once

#include "http/api/answer_form.hpp"
#include "http/api/auth.hpp"
#include "http/api/call.hpp"
#include "http/api/host_guard.hpp"
#include "http/proto/message.hpp"
#include "http/proto/router.hpp"

#include <functional>
#include <memory>
#include <string>
#include <vector>

namespace broker {
class service;
class workspace_path;
struct execution_ticket;
struct upload_call;
}  // namespace broker

namespace http::api {

struct api_settings {
    std::uint64_t json_body_bytes = std::uint64_t{32} << 20;
    std::uint64_t upload_bytes = std::uint64_t{1} << 30;
};

/// A route of another dialect, which has a folder of its own.
struct endpoint {
    http::route route;
    std::function<broker::task<response>(call)> answer;
    bool open = false;         // served without credentials
    bool key_in_body = false;  // some clients have their key nowhere else
};

class api final : public handler {
public:
    /// `shared` are the routes of clients that are met with leniency: repeated slashes in their
    /// paths count as one, and their problem documents have a member `error`, too, as those of
    /// paths that are nothing have for who is LibreChat.
    api(broker::service& service, authenticator auth, host_guard hosts, api_settings settings,
        std::vector<endpoint> shared = {});

    broker::task<response> handle(request& incoming) override;

    /// The table, for the test that compares it with docs/openapi.yaml.
    static std::vector<route> routes();

private:
    // Operators (no credentials but for the documents that need none either).
    broker::task<response> healthz(call here);
    broker::task<response> readyz(call here);
    broker::task<response> version(call here);
    broker::task<response> openapi(call here);
    broker::task<response> docs(call here);

    // The simple API.
    broker::task<response> run(call here);
    broker::task<response> upload(call here);
    broker::task<response> upload_batch(call here);
    broker::task<response> download(call here);

    // /v1
    broker::task<response> create_session(call here);
    broker::task<response> list_sessions(call here);
    broker::task<response> get_session(call here);
    broker::task<response> delete_session(call here);
    broker::task<response> interrupt_session(call here);
    broker::task<response> restart_session(call here);
    broker::task<response> execute(call here);
    broker::task<response> list_executions(call here);
    broker::task<response> get_execution(call here);
    broker::task<response> get_events(call here);
    broker::task<response> interrupt_execution(call here);
    broker::task<response> give_input(call here);
    broker::task<response> list_files(call here);
    broker::task<response> get_file(call here);
    broker::task<response> list_versions(call here);
    broker::task<response> put_file(call here);
    broker::task<response> delete_file(call here);

    broker::task<broker::result<broker::execution_ticket>> execution_of(call here);
    broker::task<response> answer_in_form(call here, broker::execution_ticket ticket,
                                          answer_form form, bool interrupt_on_disconnect);

    /// What `put_file` has checked, into the file.
    broker::task<response> store_body(call here, std::string session, broker::workspace_path path,
                                      std::shared_ptr<broker::upload_call> uploads);
    broker::task<response> send_path(call here, broker::session_key session);

    broker::task<response> guarded(request& incoming, routing const& where);
    broker::task<response> answer(call here, std::size_t route);
    std::vector<endpoint> with_own(std::vector<endpoint> shared);
    bool is_shared(std::size_t route) const;
    bool is_open(std::size_t route) const;
    bool takes_key_in_body(std::size_t route) const;
    struct entry;
    static std::vector<entry> const& table();

    broker::service& service_;
    boost::asio::thread_pool& pool_;  // of the service, for what would keep the loop busy
    authenticator auth_;
    host_guard hosts_;
    api_settings settings_;
    std::vector<endpoint> shared_;
    router router_;
};

}  // namespace http::api
