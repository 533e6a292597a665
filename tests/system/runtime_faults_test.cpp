// SPDX-License-Identifier: Apache-2.0
// Starts that go wrong: at each step the starter is killed, and runtimes that do not do as told.
#include "broker/runtime/cgroup_tree.hpp"
#include "broker/runtime/host_files.hpp"
#include "broker/runtime/monitor_record.hpp"
#include "broker/runtime/oci_paths.hpp"
#include "tests/support/catch.hpp"
#include "tests/system/runtime_fixture.hpp"

#include <signal.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <fstream>
#include <thread>
#include <vector>

using test_support::readable;
using test_support::runtime_fixture;

namespace {

/// A runtime that edits the bundle before the real one sees it.
std::string sabotaged(std::string const& dir, std::string const& edit) {
    auto const path = dir + "/crun";
    std::ofstream(path) << "#!/usr/bin/python3\n"
                           "import json, os, sys\n"
                           "a = sys.argv\n"
                           "if 'create' in a and '/probe/' not in ' '.join(a):\n"
                           "    p = a[a.index('--bundle') + 1] + '/config.json'\n"
                           "    c = json.load(open(p))\n"
                           "    "
                        << edit
                        << "\n"
                           "    json.dump(c, open(p, 'w'))\n"
                           "os.execv('/usr/bin/crun', ['/usr/bin/crun'] + a[1:])\n";
    REQUIRE(::chmod(path.c_str(), 0755) == 0);
    return path;
}

}  // namespace

TEST_CASE("a starter killed at any step leaves what list and end remove", "[runtime][faults]") {
    auto const at =
        GENERATE(std::string{"bundle_written"}, std::string{"created"}, std::string{"started"});
    CAPTURE(at);
    runtime_fixture f;
    auto const before = f.lists();
    auto const s = f.spec("pass");
    pid_t const starter = ::fork();
    if (starter == 0) {
        auto options = f.options();
        options.step = [&at](std::string_view name) {
            if (name == at) {
                ::kill(::getpid(), SIGKILL);
            }
        };
        (void)broker::create_oci_runtime(options)->start(s);
        ::_exit(1);
    }
    int status = 0;
    REQUIRE(::waitpid(starter, &status, 0) == starter);
    REQUIRE(WIFSIGNALED(status));

    auto const after = broker::create_oci_runtime(f.options());
    auto const listed = after->list();
    REQUIRE(listed.has_value());
    REQUIRE(listed->size() == 1);
    CHECK(listed->front().session == s.session);
    CHECK(listed->front().sandbox == s.sandbox);
    CHECK(listed->front().alive == (at == "started"));
    REQUIRE(after->end(listed->front().session, s.sandbox).has_value());
    REQUIRE(after->forget_session(s.session).has_value());
    CHECK(f.lists() == before);
}

TEST_CASE("what comes into the groups after they were emptied is killed, too",
          "[runtime][faults]") {
    runtime_fixture f;
    auto options = f.options();
    options.runtime = f.state_dir() + "/crun";
    // In place of deleting, it moves a process of its own into the sandbox's groups.
    std::ofstream(options.runtime)
        << "#!/usr/bin/python3\n"
           "import glob, os, subprocess, sys\n"
           "a = sys.argv\n"
           "if 'delete' not in a or '/probe/' in ' '.join(a):\n"
           "    os.execv('/usr/bin/crun', ['/usr/bin/crun'] + a[1:])\n"
           "null = subprocess.DEVNULL\n"
           "late = subprocess.Popen(['sleep', '60'], stdin=null, stdout=null, stderr=null)\n"
           "for g in glob.glob('/sys/fs/cgroup/*/kernel-broker/*/*/' + a[-1][2:]):\n"
           "    open(g + '/cgroup.procs', 'w').write(str(late.pid))\n";
    REQUIRE(::chmod(options.runtime.c_str(), 0755) == 0);
    auto const runtime = broker::create_oci_runtime(options);
    auto const before = f.lists();
    auto const s = f.spec("pass");
    REQUIRE(runtime->start(s).has_value());
    CHECK(runtime->end(s.session, s.sandbox).has_value());
    CHECK(runtime->forget_session(s.session).has_value());
    CHECK(f.lists() == before);
}

TEST_CASE("a sandbox that lost its session's name is removed by its own id", "[runtime][faults]") {
    runtime_fixture f;
    auto const before = f.lists();
    auto const s = f.spec("pass");
    REQUIRE(f.runtime().start(s).has_value());
    REQUIRE(f.runtime().end({}, s.sandbox).has_value());
    REQUIRE(f.runtime().forget_session(s.session).has_value());
    CHECK(f.lists() == before);
}

TEST_CASE("a runtime that drops a setting is found out and nothing is left", "[runtime][faults]") {
    struct row {
        char const* edit;
        char const* told;
    };
    auto const r = GENERATE(
        row{"c['process']['noNewPrivileges'] = False", "NoNewPrivs"},
        row{"c['process']['user']['uid'] = 0", "Uid"},
        row{"c['process']['user']['additionalGids'] = [5]", "Groups"},
        row{"c['process']['capabilities']['bounding'] = ['CAP_NET_RAW']", "CapBnd"},
        row{"c['process']['rlimits'].pop()", "Max msgqueue size"},
        row{"c['process']['oomScoreAdj'] = 600", "oom_score_adj"},
        row{"c['root']['readonly'] = False", "root is not read-only"},
        row{"c['linux']['namespaces'] = [n for n in c['linux']['namespaces'] "
            "if n['type'] != 'network']",
            "net namespace"},
        row{"c['linux']['namespaces'] = [n for n in c['linux']['namespaces'] "
            "if n['type'] != 'ipc']",
            "ipc namespace"},
        row{"c['linux']['maskedPaths'].remove('/proc/kallsyms')", "/proc/kallsyms is in sight"},
        row{"c['linux']['readonlyPaths'].remove('/proc/sys')", "/proc/sys"},
        row{"c['linux']['cgroupsPath'] += 'x'", "group"},
        row{"c['mounts'][5]['options'].remove('nosuid')", "/mnt/data is mounted without nosuid"},
        row{"c['mounts'][3]['options'].remove('nr_inodes=4096')", "nr_inodes"},
        row{"c['mounts'][5]['source'] = '/tmp'", "/mnt/data is another directory"},
        row{"c['mounts'][4]['source'] = c['mounts'][5]['source']", "/run/kernel is"},
        row{"c['linux']['maskedPaths'].remove('/proc/kallsyms'); c['mounts'].append({"
            "'destination': '/proc/kallsyms', 'type': 'bind', 'source': '/etc/hostname', "
            "'options': ['bind', 'ro']})",
            "/proc/kallsyms is in sight"},
        row{"c['mounts'].append({'destination': '/sys', 'type': 'sysfs', 'source': 'sysfs'})",
            "/sys"});
    CAPTURE(r.edit);
    runtime_fixture f;
    auto options = f.options();
    options.runtime = sabotaged(f.state_dir(), r.edit);
    auto const runtime = broker::create_oci_runtime(options);
    auto const report = runtime->report();
    for (auto const& p : report.problems) {
        UNSCOPED_INFO(p);
    }
    REQUIRE(report.usable);
    auto const before = f.lists();
    auto const s = f.spec("tell('ran')");
    auto const started = runtime->start(s);
    REQUIRE_FALSE(started.has_value());
    CHECK(started.error().code == broker::errc::runtime_unavailable);
    CHECK_THAT(started.error().detail, Catch::Matchers::ContainsSubstring(r.told));
    CHECK_FALSE(broker::path_exists(s.workspace_mount + "/result"));
    // A stray group of the sabotaged path is not ours to know.
    auto left = f.lists();
    std::erase_if(left, [](auto const& line) { return line.ends_with('x'); });
    CHECK(left == before);
}

TEST_CASE("a process of others that a failing runtime names is left alone", "[runtime][faults]") {
    runtime_fixture f;
    pid_t const other = ::fork();
    if (other == 0) {
        ::pause();
        ::_exit(0);
    }
    auto options = f.options();
    options.runtime = f.state_dir() + "/crun";
    std::ofstream(options.runtime) << "#!/usr/bin/python3\n"
                                      "import os, sys\n"
                                      "a = sys.argv\n"
                                      "if 'create' in a and '/probe/' not in ' '.join(a):\n"
                                      "    open(a[a.index('--pid-file') + 1], 'w').write('"
                                   << other
                                   << "')\n"
                                      "    sys.exit(1)\n"
                                      "os.execv('/usr/bin/crun', ['/usr/bin/crun'] + a[1:])\n";
    REQUIRE(::chmod(options.runtime.c_str(), 0755) == 0);
    auto const runtime = broker::create_oci_runtime(options);
    auto const before = f.lists();
    CHECK_FALSE(runtime->start(f.spec("pass")).has_value());
    CHECK(f.lists() == before);
    int status = 0;
    CHECK(::waitpid(other, &status, WNOHANG) == 0);
    (void)::kill(other, SIGKILL);
    (void)::waitpid(other, &status, 0);
}

TEST_CASE("a host disk that fills up takes no evidence with it", "[runtime][faults]") {
    runtime_fixture f;
    auto const records = f.state_dir() + "/sandboxes";
    REQUIRE(broker::make_directory(records, 0700) == 0);
    REQUIRE(::mount("tmpfs", records.c_str(), "tmpfs", 0, "size=1m") == 0);
    auto const s = f.spec(
        "tell('up')\n"
        "import time\n"
        "while not os.path.exists('/mnt/data/go'): time.sleep(0.01)\n"
        "os._exit(7)");
    {
        auto const sandbox = f.runtime().start(s);
        REQUIRE(sandbox.has_value());
        REQUIRE(f.told(s) == "up");
        std::string const piece(4096, 'x');
        std::ofstream full(records + "/full", std::ios::binary);
        while (full.write(piece.data(), static_cast<std::streamsize>(piece.size())).flush()) {
        }
        REQUIRE(broker::create_host_file(s.workspace_mount + "/go", "", 0644) == 0);
        REQUIRE(readable(sandbox->ended.get()));
    }
    auto const end = f.runtime().end(s.session, s.sandbox);
    REQUIRE(end.has_value());
    CHECK(end->wait_status == 7 << 8);
    REQUIRE(f.runtime().forget_session(s.session).has_value());
    CHECK(::umount2(records.c_str(), MNT_DETACH) == 0);
}

TEST_CASE("a sandbox whose record cannot be written is not left running", "[runtime][faults]") {
    runtime_fixture f;
    auto options = f.options();
    auto const s = f.spec("tell('ran')");
    options.step = [&](std::string_view name) {
        auto const draft =
            f.state_dir() + "/sandboxes/" + s.sandbox.str() + "/" + broker::monitor::record_draft;
        if (name == "created") {
            (void)::unlink(draft.c_str());
            CHECK(broker::make_directory(draft, 0700) == 0);
        }
    };
    auto const before = f.lists();
    auto const started = broker::create_oci_runtime(options)->start(s);
    REQUIRE_FALSE(started.has_value());
    CHECK(started.error().code == broker::errc::runtime_unavailable);
    CHECK(f.lists() == before);
}

TEST_CASE("a limit of the session's group that is not the one asked for is found out",
          "[runtime][faults]") {
    struct row {
        char const* file;  // of cgroups v1, and in the same place of the list of v2
        char const* v2_file;
        char const* value;
    };
    auto const r = GENERATE(row{"pids/pids.max", "pids.max", "4096"},
                            row{"memory/memory.limit_in_bytes", "memory.max", "268435456"},
                            row{"cpu/cpu.shares", "cpu.weight", "512"},
                            row{"cpu/cpu.cfs_quota_us", "cpu.max", "400000"});
    CAPTURE(r.file);
    runtime_fixture f;
    auto options = f.options();
    auto const s = f.spec("tell('ran')");
    auto const group = "/kernel-broker/" + options.instance + "/" + s.session.str() + "/";
    int written = -1;
    options.step = [&](std::string_view name) {
        if (name == "bundle_written") {
            auto const v1 = std::string_view{r.file};
            auto const slash = v1.find('/');
            auto const path = "/sys/fs/cgroup/" + std::string{v1.substr(0, slash)} + group +
                              std::string{v1.substr(slash + 1)};
            written = broker::write_host_file(
                broker::path_exists(path) ? path : "/sys/fs/cgroup" + group + r.v2_file, r.value);
        }
    };
    auto const runtime = broker::create_oci_runtime(options);
    auto const before = f.lists();
    auto const started = runtime->start(s);
    CHECK(written == 0);
    REQUIRE_FALSE(started.has_value());
    CHECK(started.error().code == broker::errc::runtime_unavailable);
    CHECK_THAT(started.error().detail, Catch::Matchers::ContainsSubstring(" instead of "));
    CHECK_FALSE(broker::path_exists(s.workspace_mount + "/result"));
    CHECK(f.lists() == before);
}

TEST_CASE("sessions that end do not disturb those that begin", "[runtime][faults]") {
    runtime_fixture f;
    auto const mountinfo = broker::read_host_file("/proc/self/mountinfo").value_or("");
    broker::cgroup_tree const tree{broker::parse_cgroup_layout(mountinfo), f.options().instance};
    auto const before = f.lists();
    std::atomic<int> refused{0};
    {
        std::vector<std::jthread> at_work;
        for (int i = 0; i < 4; ++i) {
            at_work.emplace_back([&] {
                for (int n = 0; n < 100; ++n) {
                    auto const session = broker::session_id::make();
                    refused += tree.prepare(session, {}, 1).has_value() ? 0 : 1;
                    (void)tree.remove(session);
                }
            });
        }
    }
    CHECK(refused == 0);
    CHECK(f.lists() == before);
}

TEST_CASE("where the first runtime does not work the next one does, and it is told",
          "[runtime][faults]") {
    runtime_fixture f;
    auto options = f.options();
    auto const broken = f.state_dir() + "/crun";
    std::ofstream(broken) << "#!/bin/sh\necho 'no sandboxes today' >&2\nexit 1\n";
    REQUIRE(::chmod(broken.c_str(), 0755) == 0);
    options.runtime = broken + ",runc";
    std::vector<broker::runtime_report> told;
    options.examined = [&](auto const& report) {
        told.push_back(report);
    };
    auto const runtime = broker::create_oci_runtime(options);
    REQUIRE(told.size() == 1);
    CHECK(told.front().usable);
    CHECK(told.front().name == "runc");
    CHECK(std::ranges::any_of(told.front().warnings, [](auto const& sentence) {
        return sentence.starts_with("crun cannot make sandboxes here");
    }));
    auto const before = f.lists();
    auto const s = f.spec("tell('ran')");
    REQUIRE(runtime->start(s).has_value());
    CHECK(f.told(s) == "ran");
    REQUIRE(runtime->end(s.session, s.sandbox).has_value());
    REQUIRE(runtime->forget_session(s.session).has_value());
    CHECK(f.lists() == before);
}

TEST_CASE("a sandbox whose limits were changed meanwhile is not taken up", "[runtime][faults]") {
    runtime_fixture f;
    auto const s = f.spec("pass");
    REQUIRE(f.runtime().start(s).has_value());
    CHECK(f.runtime().adopt(s.session, s.sandbox, s.session_limits).has_value());
    auto other = s.session_limits;
    other.pids += 1;
    auto const refused = f.runtime().adopt(s.session, s.sandbox, other);
    REQUIRE_FALSE(refused.has_value());
    CHECK_THAT(refused.error().detail, Catch::Matchers::ContainsSubstring("pids.max"));
    REQUIRE(f.runtime().end(s.session, s.sandbox).has_value());
    REQUIRE(f.runtime().forget_session(s.session).has_value());
}

TEST_CASE("a limit that is changed behind our back is found out at settling", "[runtime][faults]") {
    runtime_fixture f;
    auto const s = f.spec("pass");
    REQUIRE(f.runtime().start(s).has_value());
    auto to = s.session_limits;
    to.cpus = 1e9;  // beyond what the kernel takes
    auto const settled = f.runtime().settle(s.session, s.sandbox, to);
    CHECK_FALSE(settled.has_value());
    REQUIRE(f.runtime().end(s.session, s.sandbox).has_value());
    REQUIRE(f.runtime().forget_session(s.session).has_value());
}

TEST_CASE("a start that the runtime refuses says why without paths of the host",
          "[runtime][faults]") {
    auto const runtime = GENERATE(std::string{"crun"}, std::string{"runc"});
    runtime_fixture f{runtime};
    auto const before = f.lists();
    auto s = f.spec("pass");
    s.workspace_mount += "-missing";
    auto const started = f.runtime().start(s);
    REQUIRE_FALSE(started.has_value());
    CHECK(started.error().code == broker::errc::runtime_unavailable);
    CHECK_THAT(started.error().detail, Catch::Matchers::ContainsSubstring("No such file") ||
                                           Catch::Matchers::ContainsSubstring("no such file"));
    CHECK(started.error().detail.find(f.state_dir()) == std::string::npos);
    CHECK(f.lists() == before);
}

TEST_CASE("an image that is missing or has no place for the mounts is refused untouched",
          "[runtime][faults]") {
    runtime_fixture f;
    auto const before = f.lists();
    auto s = f.spec("pass");
    s.image_digest = "absent";
    auto const absent = f.runtime().start(s);
    REQUIRE_FALSE(absent.has_value());
    CHECK(absent.error().code == broker::errc::image_unavailable);
    REQUIRE(broker::make_directory(f.state_dir() + "/images/bare", 0755) == 0);
    REQUIRE(broker::make_directory(f.state_dir() + "/images/bare/rootfs", 0755) == 0);
    s.image_digest = "bare";
    auto const bare = f.runtime().start(s);
    REQUIRE_FALSE(bare.has_value());
    CHECK(bare.error().code == broker::errc::image_unavailable);
    CHECK(broker::names_in(f.state_dir() + "/images/bare/rootfs").empty());
    CHECK(f.lists() == before);
}

TEST_CASE("a host without a runtime or a monitor says so and refuses", "[runtime][faults]") {
    runtime_fixture f;
    auto options = f.options();
    options.runtime = "no-such-runtime";
    auto none = broker::create_oci_runtime(options);
    CHECK_FALSE(none->report().usable);
    REQUIRE(none->report().problems.size() == 1);
    auto const refused = none->start(f.spec("pass"));
    REQUIRE_FALSE(refused.has_value());
    CHECK(refused.error().code == broker::errc::runtime_unavailable);
    CHECK(refused.error().detail == none->report().problems.front());
    options.runtime = "auto";
    options.monitor_path = "/nowhere/kernel-broker-monitor";
    CHECK_FALSE(broker::create_oci_runtime(options)->report().usable);
}

TEST_CASE("containers and groups of others are neither listed nor touched", "[runtime][faults]") {
    runtime_fixture mine;
    runtime_fixture other;
    auto const s = other.spec("tell('up')");
    auto const foreign = other.runtime().start(s);
    REQUIRE(foreign.has_value());
    auto const listed = mine.runtime().list();
    REQUIRE(listed.has_value());
    CHECK(listed->empty());
    (void)mine.runtime().end(s.session, s.sandbox);
    (void)mine.runtime().forget_session(s.session);
    CHECK_FALSE(readable(foreign->ended.get(), 0));
    CHECK(other.told(s) == "up");
    REQUIRE(other.runtime().end(s.session, s.sandbox).has_value());
    REQUIRE(other.runtime().forget_session(s.session).has_value());
}
