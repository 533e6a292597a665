// SPDX-License-Identifier: Apache-2.0
// The object graph of a running broker, top to bottom. Nothing else makes these objects.
// Never outlives the loop it runs on; members are destroyed in reverse order of their making.
// Made, used and destroyed on the main thread.
#pragma once

#include "broker/base/log.hpp"
#include "broker/base/steps.hpp"
#include "broker/base/task_group.hpp"
#include "broker/core/settings.hpp"
#include "broker/daemon/exit_code.hpp"
#include "broker/daemon/token_key_files.hpp"
#include "broker/runtime/container_runtime.hpp"
#include "broker/runtime/image_store.hpp"
#include "broker/runtime/workspace_store.hpp"
#include "broker/service/service.hpp"
#include "broker/store/database_log.hpp"
#include "broker/store/session_store.hpp"
#include "broker/store/state_dir.hpp"
#include "http/api/api.hpp"
#include "http/librechat/facade.hpp"
#include "http/server/listener.hpp"

#include <boost/asio/io_context.hpp>
#include <boost/asio/thread_pool.hpp>

#include <memory>

namespace broker {

/// Keys as the table has them at this moment, so that a revoked one fails at the next request.
class stored_keys final : public http::api::key_store {
public:
    explicit stored_keys(session_store& store) : store_(store) {}

    bool empty() const override;
    std::optional<std::string> tenant_of(http::api::key_hash const& hash) const override;

private:
    session_store& store_;
};

class running_broker {
public:
    /// Binds the address and opens the table; runs nothing yet.
    static result<std::unique_ptr<running_broker>> make(settings const& with, logger const& log);

    /// Serves until SIGTERM or SIGINT, then ends in order; a second signal ends the process at
    /// once. `failed` when it could not begin to serve.
    exit_code run();

private:
    running_broker(settings const& with, logger const& log, state_dir state,
                   std::unique_ptr<session_store> store, database_log table_log,
                   std::unique_ptr<version_store> versions,
                   std::unique_ptr<workspace_store> workspaces);

    result<void> read_token_keys();
    result<void> listen();
    void on_signal();
    void begin_stop();
    task<> begin();
    task<> live();
    task<> tell_host();
    task<> tick();
    task<> keep_stock();
    task<> keep_log_short();
    task<> prune_versions();
    task<> follow_token_keys();
    task<> stop();

    settings const config_;
    logger const& log_;
    steps const reached_;
    state_dir const state_;
    boost::asio::io_context loop_{1};
    boost::asio::thread_pool pool_;
    boost::asio::thread_pool file_pool_;
    task_group tasks_;
    std::unique_ptr<session_store> store_;
    database_log table_log_;
    std::unique_ptr<version_store> version_store_;
    file_versions versions_;
    std::unique_ptr<workspace_store> workspaces_;
    std::unique_ptr<container_runtime> runtime_;
    image_store images_;
    execution_files files_;
    service_context context_;
    service service_;
    stored_keys keys_;
    token_key_files token_files_;
    std::unique_ptr<http::api::token_judge> tokens_;  // none: no tokens are taken
    http::librechat::facade librechat_;
    std::unique_ptr<http::api::api> api_;
    std::unique_ptr<http::listener> listener_;
    bool stopping_ = false;
    bool failed_ = false;
};

}  // namespace broker
