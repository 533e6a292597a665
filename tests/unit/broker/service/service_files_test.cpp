// SPDX-License-Identifier: Apache-2.0
// File calls of the service on a plain workspace: no kernel, no container, no mount.
#include "broker/base/time.hpp"
#include "broker/runtime/image_record.hpp"
#include "broker/service/service.hpp"
#include "broker/store/memory_store.hpp"
#include "tests/support/catch.hpp"
#include "tests/support/fake_runtime.hpp"
#include "tests/support/plain_workspace.hpp"

#include <boost/asio/post.hpp>

#include <filesystem>
#include <future>
#include <optional>
#include <string>

using namespace broker;

namespace {

namespace asio = boost::asio;

/// Every session's workspace is the same directory.
class one_workspace final : public workspace_store {
public:
    test::plain_workspace plain;

    workspace_report report() override { return {.quota = "none", .usable = true}; }
    result<workspace> create(session_id const&, uid_t, std::uint64_t) override {
        workspace out;
        out.owner = plain.in->owner;
        out.data.reset(dup(plain.in->data.get()));
        out.staging.reset(dup(plain.in->staging.get()));
        return out;
    }
    result<workspace> open(session_id const&, uid_t) override {
        return fail(errc::file_not_found, "none");
    }
    result<void> unmount(session_id const&) override { return {}; }
    result<void> remove(session_id const&) override { return {}; }
    result<std::uint64_t> used_bytes(workspace const&) override { return 0U; }
    result<std::vector<found_workspace>> list() override { return std::vector<found_workspace>{}; }
    result<void> refill() override { return {}; }
};

void add_image(test::temporary_directory const& at) {
    image made;
    made.name = "python";
    made.language = "python";
    made.digest = std::string(64, 'd');
    made.kernel_argv = {"python3"};
    made.created_at = "2026-01-02T03:04:05.678Z";
    made.base = "a test";
    made.inputs = std::string(64, 'a');
    std::filesystem::create_directories(at / made.digest + "/rootfs");
    at.make("names");
    at.write(made.digest + "/image.json", to_json(made));
    at.write("names/python", made.digest + "\n");
}

struct stage {
    asio::io_context loop;
    asio::thread_pool pool{1};
    asio::thread_pool file_pool{2};
    task_group tasks{loop.get_executor(), {}};
    settings config;
    std::unique_ptr<session_store> store = make_memory_store();
    test::fake_runtime runtime;
    one_workspace workspaces;
    test::temporary_directory images_dir;
    test::temporary_directory results;
    test::temporary_directory version_dir;
    std::unique_ptr<version_store> version_table = *open_version_store(version_dir.path());
    file_versions versions{*version_table, file_pool, config, read_clocks};
    execution_files files{results.path()};
    image_store images{images_dir.path()};
    logger log;
    steps reached;
    service_context context{.loop = loop,
                            .pool = pool,
                            .file_pool = file_pool,
                            .tasks = tasks,
                            .config = config,
                            .store = *store,
                            .versions = versions,
                            .files = files,
                            .runtime = runtime,
                            .workspaces = workspaces,
                            .images = images,
                            .log = log,
                            .reached = reached,
                            .clock = read_clocks,
                            .connect = {}};
    service under_test{context};
    session_key const key{"tenant", "s"};

    stage() {
        add_image(images_dir);
        done(under_test.reconcile());
    }

    /// What `work` gives; absent if it waits for something that does not come.
    template <class T>
    std::optional<T> now(task<T> work) {
        auto out = std::make_shared<std::optional<T>>();
        asio::co_spawn(
            loop,
            [](task<T> inner, std::shared_ptr<std::optional<T>> to) -> task<> {
                to->emplace(co_await std::move(inner));
            }(std::move(work), out),
            [this](std::exception_ptr const&) { loop.stop(); });
        loop.restart();
        loop.run_for(std::chrono::seconds(10));  // for the broken case only
        return std::move(*out);
    }
    void done(task<> work) {
        REQUIRE(now([](task<> inner) -> task<bool> {
            co_await std::move(inner);
            co_return true;
        }(std::move(work))));
    }
    template <class T>
    T get(task<result<T>> work) {
        auto out = now(std::move(work));
        REQUIRE((out && out->has_value()));
        return **std::move(out);
    }

    static workspace_path path(std::string const& text) { return *workspace_path::from_text(text); }

    std::shared_ptr<session_upload> begin(std::string const& name) {
        return get(under_test.begin_upload(key, path(name), {}));
    }
};

}  // namespace

TEST_CASE("reading, listing and deleting wait for no start and no mount", "[service][files]") {
    stage s;
    auto const upload = s.begin("file");
    REQUIRE(s.now(s.under_test.write_upload(upload, "content"))->has_value());
    CHECK(s.get(s.under_test.commit_upload(upload)).created);

    std::promise<void> end;
    asio::post(s.pool, [busy = end.get_future().share()] { busy.wait(); });
    CHECK(s.now(s.under_test.open_session_file(s.key, s.path("file"))).has_value());
    CHECK(s.now(s.under_test.list_session_files(s.key, {})).has_value());
    CHECK(s.now(s.under_test.delete_session_file(s.key, s.path("file"), [](file_state const&) {
               return true;
           })).has_value());
    end.set_value();
    s.pool.join();
}

TEST_CASE("a session has one file call at work, others have theirs", "[service][files]") {
    stage s;
    session_key const other{"tenant", "other"};
    auto const upload = s.begin("file");
    CHECK(s.get(s.under_test.commit_upload(upload)).created);
    (void)s.get(s.under_test.begin_upload(other, s.path("new"), {}));

    std::promise<void> begun;
    std::promise<void> end;
    int ended = 0;
    auto const count = [&ended](std::exception_ptr const&, auto const&) {
        ++ended;
    };
    auto const held = [&begun, busy = end.get_future().share()](file_state const&) {
        begun.set_value();
        busy.wait();
        return false;
    };
    asio::co_spawn(s.loop, s.under_test.delete_session_file(s.key, s.path("file"), held), count);
    s.loop.restart();
    s.loop.poll();
    begun.get_future().wait();
    asio::co_spawn(s.loop, s.under_test.list_session_files(s.key, {}), count);
    CHECK(s.now(s.under_test.list_session_files(other, {})).has_value());
    CHECK(ended == 0);
    end.set_value();
    s.loop.restart();
    while (ended < 2) {
        s.loop.run_one();
    }
}

TEST_CASE("an upload into a session that was deleted meanwhile is not acknowledged",
          "[service][files]") {
    stage s;
    auto const code = [](auto const& of) {
        REQUIRE(of.has_value());
        return of->has_value() ? errc::internal : of->error().code;
    };
    auto const late = s.begin("late");
    auto const later = s.begin("later");
    REQUIRE(s.now(s.under_test.write_upload(late, "half"))->has_value());
    REQUIRE(s.now(s.under_test.delete_session(s.key))->has_value());
    CHECK(code(s.now(s.under_test.write_upload(later, "half"))) == errc::session_not_found);
    CHECK(code(s.now(s.under_test.commit_upload(late))) == errc::session_not_found);
    (void)s.begin("new");  // another session of the same name changes nothing
    CHECK(code(s.now(s.under_test.commit_upload(later))) == errc::session_not_found);
    CHECK(s.workspaces.plain.kind("late") == 0);
    CHECK(s.workspaces.plain.kind("later") == 0);
}
