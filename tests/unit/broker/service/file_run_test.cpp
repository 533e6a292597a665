// SPDX-License-Identifier: Apache-2.0
// Executions that bring their files with them, over fakes: what is left of their sessions however
// they end. Never a real kernel.
#include "tests/support/service_stage.hpp"

using namespace broker;
using namespace test;

namespace {

using begun_run = result<std::shared_ptr<file_run>>;

struct run_stage {
    fake_host host;
    service_stage stage{host};

    begun_run begin(std::vector<wanted_input> inputs = {}, std::optional<std::string> name = {}) {
        return stage.get(
            stage.api.begin_run("default", "python", std::move(inputs), std::move(name)));
    }
    result<void> send(std::shared_ptr<file_run> const& run) {
        return stage.get(stage.api.send_run(run, {.code = "1"}));
    }
    result<execution> finish(std::shared_ptr<file_run> const& run) {
        auto const ended = stage.begin(stage.api.finish_run(run));
        stage.until([&] { return stage.sent() || ended->has_value(); });
        if (stage.sent()) {
            stage.kernel().reply();
        }
        return stage.wait(ended);
    }
    file_version stored(std::string path, std::string const& text) {
        auto const draft = stage.get(host_files().begin(std::move(path), false));
        REQUIRE(draft);
        REQUIRE(stage.get(host_files().write(*draft, text)));
        auto const kept =
            stage.get(host_files().keep({"default", session_id::make(), std::nullopt}, {*draft}));
        REQUIRE(kept);
        return kept->front();
    }
    file_versions& host_files() { return stage.api.stored_files(); }

    void check_nothing_left() {
        stage.until([&] { return host.store.sessions()->empty(); });
        stage.settle();
        CHECK(host.runtime.living() == 0);
        CHECK(host.workspaces.count() == 0);
        CHECK(stage.thrown.empty());
    }
};

}  // namespace

TEST_CASE("a run's session goes with its end", "[service][run]") {
    run_stage s;
    auto const run = s.begin();
    REQUIRE(run);
    REQUIRE(s.send(*run));
    auto const ended = s.finish(*run);
    REQUIRE(ended);
    CHECK(ended->what == outcome::ok);
    CHECK(ended->started_on == session_state::fresh);
    s.check_nothing_left();
}

TEST_CASE("a run that left no file is still known, to its tenant", "[service][run]") {
    run_stage s;
    auto const run = s.begin();
    REQUIRE(run);
    auto const known = [&](std::string tenant, session_id const& id) {
        return *s.stage.get(s.stage.api.knows_session({std::move(tenant)}, id));
    };
    CHECK(known("default", (*run)->files()));
    CHECK_FALSE(known("other", (*run)->files()));
    s.stage.api.abandon_run(*run);
    s.check_nothing_left();
    CHECK(known("default", (*run)->files()));
    CHECK_FALSE(known("other", (*run)->files()));
    CHECK_FALSE(known("default", session_id::make()));
    CHECK(s.stage.get(s.host_files().of_session({"default"}, (*run)->files(), 10))->empty());
}

TEST_CASE("inputs are there, each by itself", "[service][run]") {
    run_stage s;
    auto const one = s.stored("a", "first");
    auto const two = s.stored("b", "second");
    auto const run = s.begin({{one, "x"}, {two, "x"}, {one, "x/below"}, {two, "../up"}});
    REQUIRE(run);
    auto const& wrong = (*run)->not_placed;
    REQUIRE(wrong.size() == 4);
    CHECK_FALSE(wrong[0]);
    CHECK_FALSE(wrong[1]);
    CHECK(wrong[2]->code == errc::invalid_path);
    CHECK(wrong[3]->code == errc::invalid_path);
    auto const path = workspace_path::from_text("x");
    auto const there =
        s.stage.get(s.stage.api.open_session_file({"default", (*run)->where->row.key.name}, *path));
    REQUIRE(there);
    CHECK(there->info.sha256 == two.content->sha256);
    s.stage.api.abandon_run(*run);
    s.check_nothing_left();
}

TEST_CASE("a run that is given up before it is sent runs nothing", "[service][run]") {
    run_stage s;
    auto const run = s.begin();
    REQUIRE(run);
    s.stage.api.abandon_run(*run);
    s.stage.api.abandon_run(*run);
    CHECK(s.send(*run).error().code == errc::session_not_found);
    s.check_nothing_left();
}

TEST_CASE("a run that is given up while it runs ends at once", "[service][run]") {
    run_stage s;
    auto const run = s.begin();
    REQUIRE(run);
    REQUIRE(s.send(*run));
    auto const ended = s.stage.begin(s.stage.api.finish_run(*run));
    s.stage.until([&] { return s.stage.sent(); });
    s.stage.api.abandon_run(*run);
    auto const told = s.stage.wait(ended);
    REQUIRE(told);
    CHECK(told->what == outcome::cancelled);
    s.check_nothing_left();
}

TEST_CASE("a run that cannot be sent leaves no session", "[service][run]") {
    run_stage s;
    auto const run = s.begin();
    REQUIRE(run);
    CHECK(s.stage.get(s.stage.api.send_run(*run, {.code = "1", .timeout_s = -1})).error().code ==
          errc::invalid_field);
    s.check_nothing_left();
}

TEST_CASE("a run of a broker that was killed is nobody's", "[service][run]") {
    fake_host host;
    {
        service_stage stage(host);
        auto const run = stage.get(stage.api.begin_run("default", "python", {}));
        REQUIRE(run);
        REQUIRE(stage.get(stage.api.send_run(*run, {.code = "1"})));
        stage.until([&] { return stage.sent(); });
    }
    service_stage next(host);
    next.until([&] { return host.store.sessions()->empty(); });
    CHECK(host.runtime.living() == 0);
    CHECK(host.workspaces.count() == 0);
}

TEST_CASE("a run in a session that lives on leaves it there", "[service][run]") {
    run_stage s;
    auto const given = s.stored("f", "given");
    auto const run = s.begin({{given, "f"}}, "lives");
    REQUIRE(run);
    REQUIRE(s.send(*run));
    REQUIRE(s.finish(*run));
    CHECK(s.host.store.sessions()->size() == 1);
    // The same version again is not put there again: what stands there is the session's.
    auto const again = s.begin({{given, "f"}}, "lives");
    REQUIRE(again);
    CHECK((*again)->where == (*run)->where);
    REQUIRE(s.send(*again));
    auto const ended = s.finish(*again);
    REQUIRE(ended);
    CHECK(ended->started_on == session_state::kept);
    CHECK(s.stage.remove("lives"));
    s.check_nothing_left();
}
