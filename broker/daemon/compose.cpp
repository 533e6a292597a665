// SPDX-License-Identifier: Apache-2.0
// How the parts of a broker are wired, and in which order they begin and end.
// Never a rule of any part. On the main thread; blocking work goes to the pool.
#include "broker/daemon/compose.hpp"

#include "broker/base/sha256.hpp"
#include "broker/base/time.hpp"
#include "broker/daemon/crash_point.hpp"
#include "broker/daemon/listen_address.hpp"
#include "broker/daemon/program_paths.hpp"
#include "broker/runtime/oci_runtime.hpp"
#include "broker/store/sqlite_store.hpp"
#include "kernelproto/link/kernel_connection.hpp"

#include <boost/asio/signal_set.hpp>
#include <boost/asio/steady_timer.hpp>

#include <algorithm>
#include <csignal>
#include <cstdlib>
#include <functional>
#include <utility>

namespace broker {
namespace {

/// Runtime, mounts and scans; more threads than this fight over two processors.
constexpr std::size_t pool_threads = 4;

/// File calls of clients, which may have to hash gigabytes.
constexpr std::size_t file_pool_threads = 2;

/// For answers that are being written when the broker ends.
constexpr std::chrono::seconds least_grace{2};

result<std::unique_ptr<workspace_store>> make_workspaces(settings const& with,
                                                         state_dir const& state) {
    workspace_settings wanted;
    wanted.directory = state.workspaces();
    wanted.stock_bytes = with.limits.defaults.disk_bytes;
    wanted.stock_count = with.sandbox.workspace_stock;
    return with.sandbox.workspace_quota == "none" ? make_directory_workspaces(std::move(wanted))
                                                  : make_loop_workspaces(std::move(wanted));
}

http::endpoint endpoint_of(settings const& with) {
    auto const where = parse_listen_address(with.server.listen).value_or(listen_address{});
    if (!where.unix_path.empty()) {
        return http::unix_endpoint{where.unix_path, with.server.unix_mode};
    }
    return http::tcp_endpoint{where.host, where.port};
}

std::chrono::milliseconds ms(double seconds) {
    return std::chrono::milliseconds(static_cast<std::int64_t>(seconds * 1000));
}

std::vector<http::api::network> networks_of(settings const& with) {
    std::vector<http::api::network> networks;
    for (auto const& text : with.server.trusted_networks) {
        if (auto const one = http::api::network::parse(text)) {
            networks.push_back(*one);
        }
    }
    return networks;
}

http::api::token_rules rules_of(token_settings const& with) {
    http::api::token_rules rules;
    rules.algorithms.clear();
    for (auto const& name : with.algorithms) {
        if (auto const one = http::api::token_algorithm_of(name)) {
            rules.algorithms.push_back(*one);
        }
    }
    rules.issuer = with.issuer;
    rules.audience = with.audience;
    rules.clock_skew_s = with.clock_skew_s;
    rules.max_lifetime_s = with.max_lifetime_s;
    return rules;
}

std::function<void(std::exception_ptr)> report_to(logger const& log) {
    return [&log](std::exception_ptr thrown) {
        try {
            std::rethrow_exception(std::move(thrown));
        } catch (std::exception const& error) {
            log.error("task_failed", {{"err", error.what()}});
        }
    };
}

void tell_runtime(logger const& log, runtime_report const& found) {
    log.info("runtime", {{"name", found.name},
                         {"version", found.version},
                         {"cgroups", found.cgroups},
                         {"usable", found.usable}});
    for (auto const& sentence : found.warnings) {
        log.warning("runtime_warning", {{"text", sentence}});
    }
}

}  // namespace

bool stored_keys::empty() const {
    // Revoked ones count: who revokes the last key does not mean to open the door. Nor does a table
    // that cannot be read.
    auto const all = store_.keys();
    return all && all->empty();
}

std::optional<std::string> stored_keys::tenant_of(http::api::key_hash const& hash) const {
    sha256_digest digest{};
    std::copy(hash.begin(), hash.end(), digest.begin());
    auto const found = store_.key_of(to_hex(digest));
    if (!found || !*found) {
        return std::nullopt;
    }
    return (*found)->tenant;
}

result<std::unique_ptr<running_broker>> running_broker::make(settings const& with,
                                                             logger const& log) {
    auto state = state_dir::open(with.state_dir, read_clocks().wall);
    if (!state) {
        return state.error();
    }
    auto store = open_sqlite_store(state->database());
    if (!store) {
        return store.error();
    }
    auto table_log = database_log::open(state->database());
    if (!table_log) {
        return table_log.error();
    }
    auto versions = open_version_store(state->versions());
    if (!versions) {
        return versions.error();
    }
    auto workspaces = make_workspaces(with, *state);
    if (!workspaces) {
        return workspaces.error();
    }
    std::unique_ptr<running_broker> made(
        new running_broker(with, log, std::move(*state), std::move(*store), std::move(*table_log),
                           std::move(*versions), std::move(*workspaces)));
    if (auto const read = made->read_token_keys(); !read) {
        return read.error();
    }
    if (auto const bound = made->listen(); !bound) {
        return bound.error();
    }
    return made;
}

running_broker::running_broker(settings const& with, logger const& log, state_dir state,
                               std::unique_ptr<session_store> store, database_log table_log,
                               std::unique_ptr<version_store> versions,
                               std::unique_ptr<workspace_store> workspaces)
    : config_(with),
      log_(log),
      reached_(crash_point_from_environment()),
      state_(std::move(state)),
      pool_(pool_threads),
      file_pool_(file_pool_threads),
      tasks_(loop_.get_executor(), report_to(log_)),
      store_(std::move(store)),
      table_log_(std::move(table_log)),
      version_store_(std::move(versions)),
      versions_(*version_store_, file_pool_, config_, read_clocks),
      workspaces_(std::move(workspaces)),
      runtime_(create_oci_runtime({.state_dir = state_.path(),
                                   .images_dir = images_directory(config_),
                                   .instance = state_.instance(),
                                   .runtime = config_.sandbox.runtime,
                                   .monitor_path = monitor_program(),
                                   .step = [this](std::string_view name) { reached_(name); },
                                   .examined =
                                       [this](runtime_report const& found) {
                                           tell_runtime(log_, found);
                                       }})),
      images_(images_directory(config_)),
      files_(state_.results()),
      context_{.loop = loop_,
               .pool = pool_,
               .file_pool = file_pool_,
               .tasks = tasks_,
               .config = config_,
               .store = *store_,
               .versions = versions_,
               .files = files_,
               .runtime = *runtime_,
               .workspaces = *workspaces_,
               .images = images_,
               .log = log_,
               .reached = reached_,
               .clock = read_clocks,
               .connect =
                   [this](kernelproto::connection_options options,
                          kernelproto::kernel_connection::failure_sink on_failure) {
                       return kernelproto::create_kernel_connection(loop_, std::move(options),
                                                                    std::move(on_failure));
                   }},
      service_(context_),
      keys_(*store_),
      token_files_(config_.tokens.key_files),
      librechat_(service_, {.json_body_bytes = config_.server.json_body_bytes,
                            .max_files = config_.librechat.max_files,
                            .keeps_session_id = config_.librechat.state == "session_id"}) {}

result<void> running_broker::read_token_keys() {
    if (config_.tokens.key_files.empty()) {
        return {};
    }
    auto read = token_files_.read();
    if (!read) {
        return fail(errc::internal, "jwt_key_files: " + read.error().detail);
    }
    tokens_ = std::make_unique<http::api::token_judge>(
        rules_of(config_.tokens), (*std::move(read)).value_or(http::api::token_keys{}),
        read_clocks);
    return {};
}

result<void> running_broker::listen() {
    auto const where = endpoint_of(config_);
    bool const local = http::is_local(where);
    auto const& server = config_.server;
    api_ = std::make_unique<http::api::api>(
        service_, http::api::authenticator(keys_, local, networks_of(config_), tokens_.get()),
        http::api::host_guard(local, server.allowed_hosts),
        http::api::api_settings{.json_body_bytes = server.json_body_bytes,
                                .upload_bytes = server.upload_bytes},
        librechat_.endpoints());
    http::server_settings limits;
    limits.max_connections = server.connections;
    limits.max_header_bytes = server.header_bytes;
    limits.header_time = ms(server.header_timeout_s);
    limits.body_time = ms(server.body_timeout_s);
    limits.idle_time = ms(server.keep_alive_s);
    http::server_events events;
    events.failed = [this](std::string_view what, std::string_view detail) {
        log_.error("http_failed", {{"what", what}, {"err", detail}});
    };
    events.full = [this](std::size_t connections) {
        log_.warning("connections_full", {{"connections", connections}});
    };
    events.answered = [this](std::string_view method, std::string_view, int status,
                             std::string_view request_id, std::chrono::microseconds took) {
        log_.debug("answered", {{"method", method},
                                {"status", status},
                                {"request", request_id},
                                {"us", took.count()}});
    };
    auto opened = http::listener::open(loop_, pool_, where, *api_, limits, events);
    if (!opened) {
        return opened.error();
    }
    listener_ = std::move(*opened);
    return result<void>{};
}

exit_code running_broker::run() {
    boost::asio::signal_set signals(loop_, SIGTERM, SIGINT);
    std::function<void()> const wait = [&] {
        signals.async_wait([&](boost::system::error_code error, int) {
            if (!error) {
                on_signal();
                wait();
            }
        });
    };
    wait();
    tasks_.spawn(begin());
    loop_.run();
    pool_.join();
    file_pool_.join();
    return failed_ ? exit_code::failed : exit_code::ok;
}

void running_broker::on_signal() {
    if (stopping_) {
        // As after a kill: the next start finds everything.
        log_.warning("stopped_at_once", {});
        std::_Exit(status_of(exit_code::failed));
    }
    begin_stop();
}

void running_broker::begin_stop() {
    if (!std::exchange(stopping_, true)) {
        boost::asio::co_spawn(loop_, stop(), [this](std::exception_ptr) { loop_.stop(); });
    }
}

task<> running_broker::begin() {
    std::string broken;
    try {
        co_await live();
    } catch (boost::system::system_error const& error) {
        if (error.code() == boost::asio::error::operation_aborted) {
            throw;
        }
        broken = error.what();
    } catch (std::exception const& error) {
        broken = error.what();
    }
    if (!broken.empty()) {
        log_.error("not_started", {{"err", broken}});
        failed_ = true;
        begin_stop();
    }
}

task<> running_broker::live() {
    listener_->start();
    co_await tell_host();
    co_await service_.reconcile();
    auto const missing = (co_await service_.ready()).missing;
    for (auto const& one : missing) {
        log_.warning("not_ready", {{"missing", one.detail}});
    }
    log_.info("ready",
              {{"listen", http::to_string(listener_->where())}, {"serving", missing.empty()}});
    tasks_.spawn(keep_stock());
    tasks_.spawn(keep_log_short());
    tasks_.spawn(prune_versions());
    tasks_.spawn(follow_token_keys());
    tasks_.spawn(tick());
}

task<> running_broker::tell_host() {
    // What the runtime is was told when it was examined.
    auto const found = co_await offload(pool_, [this] { return workspaces_->report(); });
    log_.info("workspaces", {{"quota", found.quota}, {"usable", found.usable}});
    for (auto const& sentence : found.warnings) {
        log_.warning("workspaces_warning", {{"text", sentence}});
    }
}

task<> running_broker::tick() {
    boost::asio::steady_timer timer(loop_);
    while (!stopping_) {
        timer.expires_after(std::chrono::seconds(1));
        auto const [error] = co_await timer.async_wait(no_throw);
        if (error) {
            co_return;
        }
        service_.reap();
        librechat_.reap();
    }
}

task<> running_broker::keep_stock() {
    boost::asio::steady_timer timer(loop_);
    while (!stopping_) {
        (void)co_await offload(pool_, [this] { return workspaces_->refill().has_value(); });
        timer.expires_after(std::chrono::milliseconds(500));
        auto const [error] = co_await timer.async_wait(no_throw);
        if (error) {
            co_return;
        }
    }
}

task<> running_broker::keep_log_short() {
    boost::asio::steady_timer timer(loop_);
    while (!stopping_) {
        timer.expires_after(std::chrono::seconds(2));
        auto const [error] = co_await timer.async_wait(no_throw);
        if (error) {
            co_return;
        }
        auto const done = co_await offload(pool_, [this] { return table_log_.shorten(); });
        if (!done) {
            log_.warning("log_not_shortened", {{"err", done.error().detail}});
        }
    }
}

task<> running_broker::prune_versions() {
    boost::asio::steady_timer timer(loop_);
    while (!stopping_) {
        auto const freed = co_await versions_.prune();
        if (!freed) {
            log_.warning("versions_not_pruned", {{"err", freed.error().detail}});
        } else if (*freed > 0) {
            log_.info("versions_pruned", {{"bytes", *freed}});
        }
        timer.expires_after(std::chrono::hours(1));
        auto const [error] = co_await timer.async_wait(no_throw);
        if (error) {
            co_return;
        }
    }
}

task<> running_broker::follow_token_keys() {
    boost::asio::steady_timer timer(loop_);
    while (!stopping_ && tokens_ != nullptr) {
        timer.expires_after(std::chrono::seconds(1));
        auto const [error] = co_await timer.async_wait(no_throw);
        if (error) {
            co_return;
        }
        auto read = co_await offload(pool_, [this] { return token_files_.read(); });
        if (!read) {
            // Half of a new file, or a mistake: who has a good token is not locked out for it.
            log_.error("token_keys_not_read", {{"err", read.error().detail}, {"kept", true}});
        } else if (*read) {
            auto keys = **std::move(read);
            log_.info("token_keys_read", {{"keys", keys.all().size()}});
            tokens_->replace(std::move(keys));
        }
    }
}

task<> running_broker::stop() {
    log_.info("stopping", {});
    auto const until = context_.clock().steady + steady_seconds(config_.server.drain_s);
    librechat_.drain();
    co_await service_.drain(until);
    // Answers are on their way, and uploads and downloads may take what is left.
    auto const left = until - context_.clock().steady;
    co_await listener_->stop(std::max<steady_time::duration>(left, least_grace));
    tasks_.cancel();
    co_await tasks_.join();
    if (config_.server.sandboxes_on_exit == "end") {
        co_await service_.end_sandboxes();
    }
    log_.info("stopped", {});
}

}  // namespace broker
