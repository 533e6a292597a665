// SPDX-License-Identifier: Apache-2.0
// What every part of the service works with, made once by the composition root.
// Never owned here and never global: handed down by reference. The loop's, except the pools.
#pragma once

#include "broker/base/log.hpp"
#include "broker/base/steps.hpp"
#include "broker/base/task_group.hpp"
#include "broker/base/time.hpp"
#include "broker/core/settings.hpp"
#include "broker/runtime/container_runtime.hpp"
#include "broker/runtime/image_store.hpp"
#include "broker/runtime/workspace_store.hpp"
#include "broker/service/file_versions.hpp"
#include "broker/store/execution_files.hpp"
#include "broker/store/session_store.hpp"
#include "kernelproto/link/kernel_connection.hpp"

#include <functional>
#include <memory>

namespace broker {

struct service_context {
    /// Makes the connection to a kernel; the tests put a kernel of their own here.
    using connector = std::function<std::unique_ptr<kernelproto::kernel_connection>(
        kernelproto::connection_options, kernelproto::kernel_connection::failure_sink)>;

    boost::asio::io_context& loop;
    boost::asio::thread_pool& pool;
    /// Of client calls that may read whole files to hash them: those keep no start or mount
    /// waiting.
    boost::asio::thread_pool& file_pool;
    task_group& tasks;
    settings const& config;
    session_store& store;
    file_versions& versions;
    execution_files const& files;
    container_runtime& runtime;
    workspace_store& workspaces;
    image_store& images;
    logger const& log;
    steps const& reached;
    clock_source clock;
    connector connect;
};

}  // namespace broker
