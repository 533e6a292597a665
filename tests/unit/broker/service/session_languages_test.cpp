// SPDX-License-Identifier: Apache-2.0
// Sessions in which several languages are used, over fakes: a kernel for each, one queue and one
// workspace for all. Never a real kernel.
#include "tests/support/service_stage.hpp"

#include <algorithm>
#include <map>

using namespace broker;
using namespace test;

namespace {

using statuses = std::map<std::string, session_status>;

answer<result<execution>> run_in(service_stage& stage, std::string language,
                                 std::string code = "1") {
    execution_options options{.code = std::move(code), .language = std::move(language)};
    return stage.begin(stage.api.execute({"default", "a"}, std::move(options)));
}

/// The one that runs something, once there is one.
fake_kernel& busy(service_stage& stage) {
    auto const runs = [](auto const& one) {
        return one->running;
    };
    auto const find = [&] {
        return std::find_if(stage.kernels.begin(), stage.kernels.end(), runs);
    };
    stage.until([&] { return find() != stage.kernels.end(); });
    return **find();
}

execution ran_in(service_stage& stage, std::string language) {
    auto const call = run_in(stage, std::move(language));
    busy(stage).reply();
    auto ended = stage.wait(call);
    REQUIRE(ended.has_value());
    return std::move(*ended);
}

/// Python and bash, in this order.
void use_both(service_stage& stage) {
    (void)ran_in(stage, "python");
    (void)ran_in(stage, "bash");
}

statuses kernels_of(service_stage& stage) {
    statuses all;
    auto const view = stage.look("a");
    REQUIRE(view.has_value());
    for (auto const& one : view->kernels) {
        all.emplace(one.language, one.status);
    }
    return all;
}

}  // namespace

TEST_CASE("a second language gets a kernel of its own on the same files", "[service][languages]") {
    fake_host host;
    service_stage stage(host);
    auto const first = ran_in(stage, "python");
    CHECK(first.language == "python");
    auto const second = ran_in(stage, "bash");
    CHECK(second.language == "bash");
    CHECK(second.started_on == session_state::fresh);
    CHECK(second.generation == 1);
    CHECK(host.runtime.last_argv() == std::vector<std::string>{"/bin/bash-kernel"});
    CHECK(host.runtime.living() == 2);
    CHECK(host.workspaces.count() == 1);
    CHECK(ran_in(stage, "python").started_on == session_state::kept);
    CHECK(ran_in(stage, "bash").started_on == session_state::kept);
    CHECK(ran_in(stage, "").language == "python");  // of the session
    CHECK(kernels_of(stage) ==
          statuses{{"bash", session_status::idle}, {"python", session_status::idle}});
    REQUIRE(stage.remove("a"));
    CHECK(host.runtime.living() == 0);
    CHECK(stage.thrown.empty());
}

TEST_CASE("languages of a session wait for each other in one queue", "[service][languages]") {
    fake_host host;
    service_stage stage(host);
    use_both(stage);
    auto const first = run_in(stage, "python", "first");
    stage.until([&] { return stage.kernels[0]->running; });
    auto const second = run_in(stage, "bash", "second");
    auto const third = run_in(stage, "python", "third");
    stage.settle();
    CHECK_FALSE(stage.kernels[1]->running);
    CHECK(stage.look("a")->queue_length == 2);
    CHECK(kernels_of(stage).at("bash") == session_status::idle);
    stage.kernels[0]->reply();
    CHECK(stage.wait(first).has_value());
    stage.until([&] { return stage.kernels[1]->running; });
    stage.settle();
    CHECK(stage.kernels[0]->codes.back() == "first");
    stage.kernels[1]->reply();
    CHECK(stage.wait(second).has_value());
    stage.until([&] { return stage.kernels[0]->running; });
    stage.kernels[0]->reply();
    CHECK(stage.wait(third).has_value());
}

TEST_CASE("an interrupt reaches the kernel that runs and no other", "[service][languages]") {
    fake_host host;
    service_stage stage(host);
    use_both(stage);
    auto const call = run_in(stage, "python");
    stage.until([&] { return stage.kernels[0]->running; });
    CHECK(*stage.get(stage.api.interrupt_session({"default", "a"})));
    CHECK(stage.kernels[0]->interrupts == 1);
    CHECK(stage.kernels[1]->interrupts == 0);
    stage.kernels[0]->reply();
    stage.until([&] { return stage.kernels[0]->adopting; });
    stage.kernels[0]->heard();
    CHECK(stage.wait(call).has_value());
}

TEST_CASE("a kernel that is lost takes no other language's variables", "[service][languages]") {
    fake_host host;
    service_stage stage(host);
    use_both(stage);
    auto const python = stage.kernels[0];
    auto const bash = stage.kernels[1];
    SECTION("while nothing runs") { bash->fail(kernelproto::link_failure::lost); }
    SECTION("while the other one runs") {
        auto const call = run_in(stage, "python");
        stage.until([&] { return python->running; });
        bash->fail(kernelproto::link_failure::lost);
        stage.until([&] { return host.runtime.living() == 1; });
        stage.until([&] { return kernels_of(stage).at("bash") == session_status::stopped; });
        python->reply();
        CHECK(stage.wait(call).has_value());
    }
    stage.until([&] { return kernels_of(stage).at("bash") == session_status::stopped; });
    CHECK(ran_in(stage, "python").started_on == session_state::kept);
    auto const next = ran_in(stage, "bash");
    CHECK(next.started_on == session_state::restarted);
    CHECK(next.generation == 2);
    CHECK(ran_in(stage, "python").generation == 1);
    CHECK(host.runtime.living() == 2);
    CHECK(stage.thrown.empty());
}

TEST_CASE("a kernel that cannot be started refuses its own cells alone", "[service][languages]") {
    fake_host host;
    service_stage stage(host);
    (void)ran_in(stage, "python");
    auto const running = run_in(stage, "python");
    stage.until([&] { return stage.sent(); });
    auto const refused = run_in(stage, "bash");
    auto const next = run_in(stage, "python", "next");
    host.runtime.verbs.fail("start", 1);
    stage.kernel().reply();
    CHECK(stage.wait(running).has_value());
    CHECK(stage.wait(refused).error().code == errc::runtime_unavailable);
    busy(stage).reply();
    CHECK(stage.wait(next)->started_on == session_state::kept);
    CHECK(ran_in(stage, "bash").started_on == session_state::fresh);
}

TEST_CASE("a restart ends every kernel, and starts the session's own", "[service][languages]") {
    fake_host host;
    service_stage stage(host);
    use_both(stage);
    auto const running = run_in(stage, "bash");
    stage.until([&] { return stage.kernels[1]->running; });
    auto const view = stage.get(stage.api.restart_session({"default", "a"}));
    REQUIRE(view.has_value());
    CHECK(view->generation == 2);
    CHECK(stage.wait(running)->what == outcome::interrupted);
    CHECK(host.runtime.living() == 1);
    CHECK(kernels_of(stage) ==
          statuses{{"bash", session_status::stopped}, {"python", session_status::idle}});
    for (auto const* const language : {"bash", "python"}) {
        auto const next = ran_in(stage, language);
        CHECK(next.started_on == session_state::restarted);
        CHECK(next.reason == state_reason::restart_requested);
    }
    CHECK(stage.thrown.empty());
}

TEST_CASE("an idle session is put away with all its kernels", "[service][languages]") {
    fake_host host;
    service_stage stage(host);
    use_both(stage);
    stage.ahead = std::chrono::hours(2);
    stage.api.reap();
    stage.until([&] { return host.runtime.living() == 0; });
    stage.settle();
    CHECK(stage.look("a")->status == session_status::stopped);
    for (auto const* const language : {"bash", "python"}) {
        CHECK(ran_in(stage, language).reason == state_reason::idle_expired);
    }
    CHECK(stage.thrown.empty());
}

TEST_CASE("the next broker takes up the kernels of all languages", "[service][languages]") {
    fake_host host;
    {
        service_stage stage(host);
        use_both(stage);
    }
    service_stage stage(host);
    REQUIRE(stage.kernels.size() == 2);
    auto const waiting = run_in(stage, "python");
    stage.until([&] { return stage.kernels[0]->adopting && stage.kernels[1]->adopting; });
    stage.kernels[0]->heard();
    stage.settle();
    CHECK_FALSE(waiting->has_value());  // the other one is not known yet
    stage.kernels[1]->heard();
    busy(stage).reply();
    CHECK(stage.wait(waiting)->started_on == session_state::kept);
    CHECK(ran_in(stage, "bash").started_on == session_state::kept);
    CHECK(host.runtime.living() == 2);
    CHECK(stage.thrown.empty());
}

TEST_CASE("a cell is followed on the kernel of its language", "[service][languages]") {
    fake_host host;
    {
        service_stage stage(host);
        use_both(stage);
        (void)run_in(stage, "bash", "cell");
        stage.until([&] { return stage.kernels[1]->running; });
    }
    service_stage stage(host);
    auto& follower = busy(stage);
    CHECK(follower.followed.size() == 1);
    auto const& greeted = *stage.kernels[stage.kernels[0].get() == &follower ? 1 : 0];
    stage.until([&] { return greeted.adopting; });
    SECTION("and the other kernel is greeted meanwhile") {
        stage.kernels[stage.kernels[0].get() == &follower ? 1 : 0]->heard();
        stage.settle();
        CHECK(kernels_of(stage) ==
              statuses{{"bash", session_status::busy}, {"python", session_status::idle}});
        follower.reply();
        stage.until([&] { return follower.adopting; });
        follower.heard();
        stage.settle();
        CHECK(ran_in(stage, "python").started_on == session_state::kept);
    }
    SECTION("and the other kernel does not answer") {
        stage.kernels[stage.kernels[0].get() == &follower ? 1 : 0]->not_heard(
            kernelproto::client_errc::timed_out);
        stage.until([&] { return host.runtime.living() == 1; });
        follower.reply();
        stage.until([&] { return follower.adopting; });
        follower.heard();
        stage.settle();
        CHECK(ran_in(stage, "python").started_on == session_state::restarted);
        CHECK(ran_in(stage, "bash").started_on == session_state::kept);
    }
    CHECK(host.store.unfinished_executions()->empty());
    CHECK(stage.thrown.empty());
}

TEST_CASE("a language that the session's image lacks changes nothing", "[service][languages]") {
    fake_host host;
    service_stage stage(host);
    (void)ran_in(stage, "python");
    auto const unknown = stage.wait(run_in(stage, "cobol"));
    REQUIRE(unknown.has_error());
    CHECK(unknown.error().code == errc::unsupported_language);
    CHECK(unknown.error().detail.find("python, bash") != std::string::npos);
    CHECK(kernels_of(stage).size() == 1);
    CHECK(ran_in(stage, "python").started_on == session_state::kept);
}

TEST_CASE("a kernel that is started in advance fails nobody of another language",
          "[service][languages]") {
    fake_host host;
    service_stage stage(host);
    host.runtime.verbs.hold("start");
    REQUIRE(stage.get(stage.api.create_session({"default", "a"}, {})));
    stage.until([&] { return host.runtime.verbs.waits("start"); });
    auto const call = run_in(stage, "bash");
    stage.settle();
    host.runtime.verbs.fail("start", 1);
    host.runtime.verbs.release("start");
    busy(stage).reply();
    CHECK(stage.wait(call)->started_on == session_state::fresh);
    CHECK(kernels_of(stage) == statuses{{"bash", session_status::idle}});
}

TEST_CASE("a restart waits for the kernel that is concluding, whichever language it has",
          "[service][languages]") {
    fake_host host;
    service_stage stage(host);
    use_both(stage);
    auto const bash = stage.kernels[1];
    auto const call = run_in(stage, "bash");
    stage.until([&] { return bash->running; });
    REQUIRE(*stage.get(stage.api.interrupt_session({"default", "a"})));
    bash->reply();
    stage.until([&] { return bash->adopting; });  // its cell has ended, and it is asked for more
    auto const restarted = stage.begin(stage.api.restart_session({"default", "a"}));
    stage.settle();
    CHECK_FALSE(restarted->has_value());
    bash->heard();
    CHECK(stage.wait(restarted)->generation == 2);
    CHECK(stage.wait(call).has_value());
    CHECK(kernels_of(stage) ==
          statuses{{"bash", session_status::stopped}, {"python", session_status::idle}});
    CHECK(ran_in(stage, "bash").reason == state_reason::restart_requested);
    CHECK(stage.thrown.empty());
}

TEST_CASE("a restart is over when the session's own kernel is ready, not another",
          "[service][languages]") {
    fake_host host;
    service_stage stage(host);
    (void)ran_in(stage, "python");
    host.runtime.verbs.hold("start");
    auto const call = run_in(stage, "bash");
    stage.until([&] { return host.runtime.verbs.waits("start"); });
    CHECK(kernels_of(stage) ==
          statuses{{"bash", session_status::starting}, {"python", session_status::idle}});
    auto const restarted = stage.begin(stage.api.restart_session({"default", "a"}));
    stage.settle();
    if (GENERATE(false, true)) {  // a failure of the other one is none of the restart
        host.runtime.verbs.fail("start", 1);
    }
    host.runtime.verbs.release("start");
    stage.until([&] { return restarted->has_value() || stage.sent(); });
    if (stage.sent()) {
        stage.kernel().reply();
    }
    auto const view = stage.wait(restarted);
    REQUIRE(view.has_value());
    CHECK(view->generation == 2);
    CHECK(kernels_of(stage).at("python") == session_status::idle);
    stage.until([&] { return call->has_value(); });
    CHECK(stage.thrown.empty());
}

TEST_CASE("a start that fails leaves the session no more processors than it has",
          "[service][languages]") {
    fake_host host;
    service_stage stage(host);
    (void)ran_in(stage, "python");
    auto const before = host.runtime.verbs.calls("settle");
    host.runtime.verbs.fail("start", 1);
    auto const refused = stage.wait(run_in(stage, "bash"));
    REQUIRE(refused.has_error());
    CHECK(refused.error().detail.find("other languages") != std::string::npos);
    CHECK(host.runtime.verbs.calls("settle") == before + 1);
    SECTION("and the other kernel lives on") {
        CHECK(ran_in(stage, "python").started_on == session_state::kept);
    }
    SECTION("and where that fails the other kernel ends") {
        host.runtime.verbs.fail("start", 1);
        host.runtime.verbs.fail("settle", 1);
        CHECK(stage.wait(run_in(stage, "bash")).has_error());
        stage.until([&] { return host.runtime.living() == 0; });
        CHECK(ran_in(stage, "python").started_on == session_state::restarted);
    }
}
