// SPDX-License-Identifier: Apache-2.0
// The service over fakes: a host that outlives brokers, and one broker on it at a time.
// Never waits for time to pass: `until` turns the loop until something holds, or fails the test.
// One thread, beside the pool.
#pragma once

#include "broker/runtime/image_manifest.hpp"
#include "broker/runtime/image_record.hpp"
#include "broker/service/service.hpp"
#include "tests/support/catch.hpp"
#include "tests/support/fake_kernel.hpp"
#include "tests/support/fake_runtime.hpp"
#include "tests/support/faulty_store.hpp"

#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace test {

/// The answer to a call, once there is one.
template <class T>
using answer = std::shared_ptr<std::optional<T>>;

/// What is there whether a broker runs or not.
struct fake_host {
    fake_runtime runtime;
    fake_workspaces workspaces;
    faulty_store store;
    temporary_directory images;
    temporary_directory results;
    temporary_directory kept_versions;
    broker::execution_files files{results.path()};
    broker::settings config;
    std::vector<std::string> log;

    fake_host() {
        config.sessions.caps.free_memory_floor_bytes = 0;
        broker::image made;
        made.name = made.language = "python";
        made.kernel_argv = {"/bin/kernel"};
        made.kernels = {{"bash", {"/bin/bash-kernel"}}};
        made.created_at = "2026-01-02T03:04:05.678Z";
        made.base = "a test";
        made.inputs = std::string(64, 'a');
        images.make("names");
        images.make("making");
        images.make("making/rootfs");
        made.digest = *broker::digest_of_root(images / "making/rootfs");
        images.write("making/image.json", broker::to_json(made));
        std::filesystem::rename(images / "making", images / made.digest);
        images.write("names/python", made.digest + "\n");
    }
};

class service_stage {
public:
    explicit service_stage(fake_host& on, bool reconciled = true) : host(on) {
        if (reconciled) {
            tasks.spawn(api.reconcile());
            until([this] { return ready(); });
        }
    }
    service_stage(service_stage const&) = delete;
    service_stage& operator=(service_stage const&) = delete;
    /// As by SIGKILL: nothing is told to anybody.
    ~service_stage() {
        host.runtime.verbs.free_all();
        host.workspaces.verbs.free_all();
        pool.join();
        file_pool.join();
    }

    fake_host& host;
    boost::asio::io_context loop;
    boost::asio::thread_pool pool{2};
    boost::asio::thread_pool file_pool{1};
    std::vector<std::string> thrown;
    broker::task_group tasks{loop.get_executor(), [this](std::exception_ptr what) {
                                 try {
                                     std::rethrow_exception(std::move(what));
                                 } catch (std::exception const& error) {
                                     thrown.emplace_back(error.what());
                                 }
                             }};
    broker::image_store images{host.images.path()};
    broker::logger log{broker::log_level::debug, [this](broker::log_record const& record) {
                           host.log.push_back(broker::to_readable_line(record));
                       }};
    std::function<void(std::string_view)> on_step;
    broker::steps reached{[this](std::string_view name) {
        if (on_step) {
            on_step(name);
        }
    }};
    std::unique_ptr<broker::version_store> version_store =
        *broker::open_version_store(host.kept_versions.path());
    std::vector<std::shared_ptr<fake_kernel>> kernels;
    std::chrono::seconds ahead{0};  // of the service's clock before the real one
    std::chrono::hours wall_ahead{0};
    bool hold_kernels = false;
    broker::clock_source clock = [this] {
        auto now = broker::read_clocks();
        now.steady += ahead;
        now.wall += wall_ahead;
        return now;
    };
    broker::file_versions versions{*version_store, file_pool, host.config, clock};
    broker::service_context context = context_over(versions);
    broker::service api{context};

    /// All that is here, over other file versions.
    broker::service_context context_over(broker::file_versions& over) {
        return {.loop = loop,
                .pool = pool,
                .file_pool = file_pool,
                .tasks = tasks,
                .config = host.config,
                .store = host.store,
                .versions = over,
                .files = host.files,
                .runtime = host.runtime,
                .workspaces = host.workspaces,
                .images = images,
                .log = log,
                .reached = reached,
                .clock = clock,
                .connect = [this](kernelproto::connection_options,
                                  kernelproto::kernel_connection::failure_sink on_failure) {
                    auto made =
                        std::make_shared<fake_kernel>(loop.get_executor(), std::move(on_failure));
                    made->held = hold_kernels;
                    kernels.push_back(made);
                    return made->connect(made);
                }};
    }

    /// Turns the loop until `holds`; far longer than anything here takes.
    template <class Condition>
    void until(Condition holds) {
        auto const enough = std::chrono::steady_clock::now() + std::chrono::seconds(60);
        while (!holds()) {
            if (std::chrono::steady_clock::now() > enough) {
                std::string last;
                for (auto const& line : host.log) {
                    last += line;
                }
                FAIL("it never came\n" << last);
            }
            turn();
        }
    }
    void turn() {
        loop.restart();
        loop.run_one_for(std::chrono::milliseconds(5));
    }
    /// Everything that can go on without the world has gone on.
    void settle() {
        for (int quiet = 0; quiet < 20;) {
            loop.restart();
            quiet = loop.poll() == 0 ? quiet + 1 : 0;
            loop.restart();
            loop.run_one_for(std::chrono::milliseconds(1));
        }
    }

    template <class T>
    answer<T> begin(broker::task<T> call) {
        auto const there = std::make_shared<std::optional<T>>();
        tasks.spawn([](broker::task<T> inner, answer<T> into) -> broker::task<> {
            into->emplace(co_await std::move(inner));
        }(std::move(call), there));
        return there;
    }
    template <class T>
    T get(broker::task<T> call) {
        return wait(begin(std::move(call)));
    }
    template <class T>
    T wait(answer<T> const& there) {
        until([&] { return there->has_value(); });
        return std::move(**there);
    }

    /// One cell, begun; the newest kernel has it once it runs.
    answer<broker::result<broker::execution>> run(std::string name, std::string code = "1",
                                                  std::optional<double> timeout_s = {}) {
        broker::execution_options options{.code = std::move(code)};
        options.timeout_s = timeout_s;
        return begin(api.execute({"default", std::move(name)}, std::move(options)));
    }
    bool sent() const { return !kernels.empty() && kernels.back()->running; }
    fake_kernel& kernel() { return *kernels.back(); }

    /// One cell from beginning to end.
    broker::execution ran(std::string name, std::string code = "1") {
        auto const call = run(std::move(name), std::move(code));
        until([&] { return sent() || call->has_value(); });
        if (sent()) {
            kernel().reply();
        }
        auto ended = wait(call);
        REQUIRE(ended.has_value());
        return std::move(*ended);
    }
    broker::result<void> remove(std::string name) {
        return get(api.delete_session({"default", std::move(name)}));
    }
    broker::result<broker::session_view> look(std::string name) {
        return get(api.find_session({"default", std::move(name)}));
    }
    bool ready() { return get(api.ready()).missing.empty(); }
};

}  // namespace test
