// SPDX-License-Identifier: Apache-2.0
#include "broker/runtime/cgroup_layout.hpp"
#include "broker/runtime/cgroup_tree.hpp"
#include "broker/runtime/host_files.hpp"
#include "broker/runtime/monitor_record.hpp"
#include "broker/runtime/oci_paths.hpp"
#include "broker/runtime/process_facts.hpp"
#include "tests/support/catch.hpp"
#include "tests/system/runtime_fixture.hpp"

#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <functional>
#include <set>

using test_support::readable;
using test_support::runtime_fixture;

namespace {

broker::monitor_record record_of(runtime_fixture const& f, broker::sandbox_spec const& s) {
    auto const dir = broker::oci_paths{f.state_dir(), {}}.sandbox(s.sandbox);
    auto const record = broker::load_monitor_record(dir);
    REQUIRE(record.has_value());
    return *record;
}

broker::running_sandbox started(runtime_fixture& f, broker::sandbox_spec const& s) {
    auto made = f.runtime().start(s);
    if (!made) {
        FAIL(made.error().detail);
    }
    return std::move(*made);
}

/// In a process and a mount namespace of its own, without what is mounted at `hidden`.
bool elsewhere(char const* hidden, std::function<bool()> const& step) {
    pid_t const child = ::fork();
    if (child == 0) {
        bool const ready = ::unshare(CLONE_NEWNS) == 0 &&
                           ::mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr) == 0 &&
                           (hidden == nullptr || *hidden == '-' || ::umount(hidden) == 0);
        ::_exit(ready && step() ? 0 : 1);
    }
    int status = -1;
    return child > 0 && ::waitpid(child, &status, 0) == child && status == 0;
}

void end_all(runtime_fixture& f, broker::sandbox_spec const& s) {
    auto const end = f.runtime().end(s.session, s.sandbox);
    REQUIRE(end.has_value());
    f.last_end = *end;
    REQUIRE(f.runtime().forget_session(s.session).has_value());
}

}  // namespace

TEST_CASE("every usable runtime makes sandboxes and removes them without a trace", "[runtime]") {
    auto const runtime = GENERATE(std::string{"crun"}, std::string{"runc"});
    runtime_fixture f{runtime};
    auto const report = f.runtime().report();
    for (auto const& p : report.problems) {
        UNSCOPED_INFO(p);
    }
    REQUIRE(report.usable);
    CHECK(report.name == runtime);
    CHECK(report.problems.empty());
    auto const before = f.lists();
    for (int i = 0; i < 5; ++i) {
        auto const s = f.spec("tell(open('/proc/self/status').read())");
        auto status = broker::parse_status(f.run(s));
        CHECK(status["NoNewPrivs"] == "1");
        CHECK(status["CapBnd"] == "0000000000000000");
        CHECK(status["Groups"].empty());
        CHECK(status["Uid"].starts_with(std::to_string(s.uid)));
        // The runtimes differ in nothing that is seen from inside.
        CHECK(status["Umask"] == "0077");
    }
    CHECK(f.lists() == before);
}

TEST_CASE("a hundred starts and ends leave mounts, groups and processes as they were",
          "[runtime]") {
    runtime_fixture f;
    auto const before = f.lists();
    for (int i = 0; i < 100; ++i) {
        auto const s = f.spec("pass");
        REQUIRE(f.runtime().start(s).has_value());
        REQUIRE(f.runtime().end(s.session, s.sandbox).has_value());
        REQUIRE(f.runtime().forget_session(s.session).has_value());
    }
    CHECK(f.lists() == before);
}

TEST_CASE("the raw exit status of the sandbox reaches the broker", "[runtime]") {
    runtime_fixture f;
    struct row {
        char const* program;
        int status;
    };
    // The init passes an exit status on, and says death by a signal as 128 + its number.
    auto const r = GENERATE(row{"os._exit(7)", 7 << 8}, row{"os._exit(0)", 0},
                            row{"os.kill(os.getpid(), 11)", (128 + 11) << 8});
    auto const s = f.spec(r.program);
    auto const sandbox = started(f, s);
    REQUIRE(readable(sandbox.ended.get()));
    end_all(f, s);
    REQUIRE(f.last_end.wait_status.has_value());
    CHECK(*f.last_end.wait_status == r.status);
    CHECK(f.last_end.oom_kills == 0);
}

TEST_CASE("ending what runs is told as a kill, and ending twice is fine", "[runtime]") {
    runtime_fixture f;
    auto const s = f.spec("pass");
    auto const sandbox = started(f, s);
    end_all(f, s);
    CHECK(readable(sandbox.ended.get(), 0));
    REQUIRE(f.last_end.wait_status.has_value());
    CHECK(*f.last_end.wait_status == SIGKILL);
    auto const again = f.runtime().end(s.session, s.sandbox);
    REQUIRE(again.has_value());
    CHECK_FALSE(again->wait_status.has_value());
}

TEST_CASE("a killed monitor ends the sandbox as seen by nobody, and everything is removed",
          "[runtime]") {
    runtime_fixture f;
    auto const before = f.lists();
    auto const s = f.spec("tell('up')");
    auto const sandbox = started(f, s);
    REQUIRE(f.told(s) == "up");
    auto const record = record_of(f, s);
    REQUIRE(record.monitor().signal(SIGKILL));
    REQUIRE(readable(sandbox.ended.get()));
    REQUIRE(record.container());
    auto const adopted = f.runtime().adopt(s.session, s.sandbox, s.session_limits);
    CHECK_FALSE(adopted.has_value());
    auto const listed = f.runtime().list();
    REQUIRE(listed.has_value());
    REQUIRE(listed->size() == 1);
    CHECK_FALSE(listed->front().alive);
    end_all(f, s);
    CHECK_FALSE(f.last_end.wait_status.has_value());
    CHECK_FALSE(record.container());
    CHECK(f.lists() == before);
}

TEST_CASE("a second broker lists and adopts what the first one started", "[runtime]") {
    runtime_fixture f;
    auto const s = f.spec("tell('up')");
    (void)started(f, s);
    auto const second = broker::create_oci_runtime(f.options());
    auto const listed = second->list();
    REQUIRE(listed.has_value());
    REQUIRE(listed->size() == 1);
    CHECK(listed->front().session == s.session);
    CHECK(listed->front().sandbox == s.sandbox);
    CHECK(listed->front().alive);
    auto const adopted = second->adopt(s.session, s.sandbox, s.session_limits);
    REQUIRE(adopted.has_value());
    CHECK_FALSE(readable(adopted->ended.get(), 0));
    CHECK_FALSE(second->adopt(broker::session_id::make(), s.sandbox, s.session_limits).has_value());
    REQUIRE(second->end(s.session, s.sandbox).has_value());
    CHECK(readable(adopted->ended.get()));
    REQUIRE(second->forget_session(s.session).has_value());
}

TEST_CASE("a broker in a mount namespace of its own takes up what one in another started",
          "[runtime]") {
    runtime_fixture f;
    auto const before = f.lists();
    auto const s = f.spec("tell('up')");
    bool const begun = elsewhere(
        nullptr, [&] { return broker::create_oci_runtime(f.options())->start(s).has_value(); });
    REQUIRE(begun);
    auto const adopted = f.runtime().adopt(s.session, s.sandbox, s.session_limits);
    REQUIRE(adopted.has_value());
    CHECK(::faccessat(adopted->socket_dir.get(), "connection.json", F_OK, 0) == 0);
    CHECK(f.runtime().settle(s.session, s.sandbox, s.session_limits).has_value());
    struct stat status {};
    CHECK((::fstat(adopted->socket_dir.get(), &status) == 0 && status.st_uid == 0));
    end_all(f, s);
    CHECK(f.lists() == before);
}

TEST_CASE("without cgroup2 beside cgroups v1 sandboxes are made just the same", "[runtime]") {
    runtime_fixture f;
    auto const before = f.lists();
    auto const s = f.spec("tell('up')");
    auto const layout =
        broker::parse_cgroup_layout(broker::read_host_file("/proc/self/mountinfo").value_or(""));
    std::string const wanted = layout.mode == broker::cgroup_mode::v2 ? "v2" : "v1";
    bool const ran = elsewhere(layout.cover().c_str(), [&] {
        auto const runtime = broker::create_oci_runtime(f.options());
        return runtime->report().cgroups == wanted && runtime->start(s).has_value() &&
               f.told(s) == "up" && runtime->end(s.session, s.sandbox).has_value() &&
               runtime->forget_session(s.session).has_value();
    });
    CHECK(ran);
    CHECK(f.lists() == before);
}

TEST_CASE("settling closes the socket directory and ends the boost", "[runtime]") {
    runtime_fixture f;
    auto const s = f.spec(
        "open('/run/kernel/early', 'w').close()\n"
        "tell('made')\n"
        "import time\n"
        "while not os.path.exists('/mnt/data/go'): time.sleep(0.01)\n"
        "os.unlink('/mnt/data/result')\n"
        "def refused(f):\n"
        "    try: f()\n"
        "    except OSError as e: return e.errno\n"
        "tell([refused(lambda: open('/run/kernel/late', 'w')),\n"
        "      refused(lambda: os.unlink('/run/kernel/early')),\n"
        "      refused(lambda: open('/run/kernel/connection.json', 'a')),\n"
        "      open('/run/kernel/connection.json').read()])");
    (void)started(f, s);
    REQUIRE(f.told(s) == "made");
    auto const layout =
        broker::parse_cgroup_layout(broker::read_host_file("/proc/self/mountinfo").value_or(""));
    bool const v2 = layout.mode == broker::cgroup_mode::v2;
    broker::cgroup_tree const groups(layout, f.options().instance);
    auto const quota =
        groups.file("cpu", groups.path_of(s.session), v2 ? "cpu.max" : "cpu.cfs_quota_us");
    CHECK(broker::read_host_file(quota) == (v2 ? "200000 100000\n" : "200000\n"));
    REQUIRE(f.runtime().settle(s.session, s.sandbox, s.session_limits).has_value());
    CHECK(broker::read_host_file(quota) == (v2 ? "50000 100000\n" : "50000\n"));
    REQUIRE(::unlink((s.workspace_mount + "/result").c_str()) == 0);
    REQUIRE(broker::create_host_file(s.workspace_mount + "/go", "", 0644) == 0);
    REQUIRE(broker::create_host_file(s.workspace_mount + "/result", "", 0666, s.uid, s.uid) == 0);
    // The program removes the file above before it tells anew.
    std::string text;
    for (int i = 0; i < 100 && text.empty(); ++i) {
        text = f.told(s);
    }
    CHECK(text == "[13, 13, 13, '{}']");
    end_all(f, s);
}

TEST_CASE("an interrupt from outside reaches the program under the init", "[runtime]") {
    runtime_fixture f;
    auto const s = f.spec(
        "import time\n"
        "try:\n"
        "    tell('up')\n"
        "    time.sleep(1000)\n"
        "except KeyboardInterrupt:\n"
        "    os._exit(41)");
    auto const sandbox = started(f, s);
    REQUIRE(f.told(s) == "up");
    REQUIRE(f.runtime().interrupt(s.session, s.sandbox).has_value());
    REQUIRE(readable(sandbox.ended.get()));
    end_all(f, s);
    CHECK(f.last_end.wait_status == 41 << 8);
    CHECK_FALSE(f.runtime().interrupt(s.session, s.sandbox).has_value());
}
