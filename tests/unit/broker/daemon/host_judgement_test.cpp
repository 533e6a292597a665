// SPDX-License-Identifier: Apache-2.0
#include "broker/daemon/host_judgement.hpp"

#include "broker/core/settings.hpp"
#include "tests/support/catch.hpp"

#include <algorithm>
#include <functional>

using broker::finding;
using broker::finding_level;
using broker::host_facts;
using broker::judge_host;
using broker::settings;
using Catch::Matchers::ContainsSubstring;

namespace {

/// A Debian 12 with nothing to complain about.
host_facts good_host() {
    host_facts f;
    f.root = f.openat2 = f.pidfd_open = f.loop_control = true;
    f.kernel = "6.1.0-32-amd64";
    f.filesystems = "nodev\tsysfs\nnodev\ttmpfs\n\text3\n\text4\nnodev\toverlay";
    f.meminfo =
        "MemTotal:       24682000 kB\nMemFree:  1 kB\nMemAvailable:   24452000 kB\nSwapTotal: 0 kB";
    f.swaps = "Filename\t\t\t\tType\t\tSize\t\tUsed\t\tPriority";
    f.core_pattern = "core";
    f.io_uring_disabled = "2";
    f.unprivileged_bpf_disabled = "2";
    f.protected_symlinks = f.protected_hardlinks = "1";
    f.max_user_namespaces = "95000";
    f.smt = "0";
    f.lsm = "lockdown,capability,landlock,yama,apparmor";
    f.programs = {"mkfs.ext4", "mmdebstrap", "python3", "unshare"};
    f.processors = 2;
    f.open_files = 1048576;
    f.disk_path = "/var/lib";
    f.disk_free_bytes = std::uint64_t{50} << 30U;
    f.runtime = {"crun", "1.30", "v2", true, {}, {}};
    f.workspace = {"ext4", true, {}, {}};
    f.image_about = "python: Debian bookworm";
    return f;
}

using change = std::function<void(host_facts&)>;

/// The findings that a change of the good host brings.
std::vector<finding> complaints(change const& make, settings const& of = {}) {
    auto facts = good_host();
    make(facts);
    auto all = judge_host(facts, of);
    std::erase_if(all, [](finding const& one) { return one.level == finding_level::ok; });
    return all;
}

finding one_complaint(change const& make, settings const& of = {}) {
    auto const all = complaints(make, of);
    REQUIRE(all.size() == 1);
    return all.front();
}

}  // namespace

TEST_CASE("a good host has nothing to mend", "[daemon][doctor]") {
    CHECK(complaints([](host_facts&) {}).empty());
    CHECK(can_run(judge_host(good_host(), {})));
}

TEST_CASE("what keeps sessions from running fails, and says how to mend it", "[daemon][doctor]") {
    std::vector<std::pair<change, char const*>> const cases{
        {[](host_facts& f) { f.root = false; }, "sudo"},
        {[](host_facts& f) { f.openat2 = false; }, "Linux 5.6"},
        {[](host_facts& f) { f.pidfd_open = false; }, "Linux 5.6"},
        {[](host_facts& f) { f.loop_control = false; }, "modprobe loop"},
        {[](host_facts& f) { f.filesystems = "nodev\ttmpfs\n\text4dev"; }, "modprobe ext4"},
        {[](host_facts& f) {
             f.programs = {"mmdebstrap", "python3"};
         },
         "e2fsprogs"},
        {[](host_facts& f) { f.image_problem = "no image"; }, "image build images/python"},
        {[](host_facts& f) { f.meminfo = "MemAvailable:  1000 kB"; }, "free_memory_floor_bytes"},
        {[](host_facts& f) { f.disk_free_bytes = 1U << 20U; }, "state_dir"},
    };
    for (auto const& [make, mend] : cases) {
        auto const found = one_complaint(make);
        CAPTURE(found.text);
        CHECK(found.level == finding_level::fail);
        CHECK_THAT(found.mend, ContainsSubstring(mend));
    }
}

TEST_CASE("what makes sessions less safe warns, and says how to mend it", "[daemon][doctor]") {
    std::vector<std::pair<change, char const*>> const cases{
        {[](host_facts& f) { f.io_uring_disabled = "0"; }, "sysctl -w kernel.io_uring_disabled=2"},
        {[](host_facts& f) { f.io_uring_disabled.reset(); }, "newer kernel"},
        {[](host_facts& f) { f.unprivileged_bpf_disabled = "0"; }, "unprivileged_bpf_disabled=2"},
        {[](host_facts& f) { f.protected_symlinks = "0"; }, "fs.protected_symlinks=1"},
        {[](host_facts& f) { f.protected_hardlinks = "0"; }, "fs.protected_hardlinks=1"},
        {[](host_facts& f) { f.core_pattern = "|/usr/lib/systemd/systemd-coredump %P"; },
         "kernel.core_pattern=core"},
        {[](host_facts& f) { f.swaps = "Filename Type\n/dev/sda2  partition 1 0 -2"; }, "swapoff"},
        {[](host_facts& f) { f.vsock = true; }, "blacklist vsock"},
        {[](host_facts& f) { f.lsm = "capability,landlock"; }, "apparmor=1"},
        {[](host_facts& f) { f.smt = "1"; }, "nosmt"},
        {[](host_facts& f) { f.max_user_namespaces = "0"; }, "user.max_user_namespaces"},
        {[](host_facts& f) { f.meminfo = "MemAvailable: 600000 kB"; }, "memory_bytes"},
        {[](host_facts& f) { f.meminfo = "MemAvailable: 600000\nMemAvailable: x kB"; }, "/proc"},
        {[](host_facts& f) { f.disk_free_bytes = 512U << 20U; }, "disk_bytes"},
        {[](host_facts& f) { f.open_files = 1024; }, "LimitNOFILE"},
        {[](host_facts& f) { f.listen_problem = "in use"; }, "another listen"},
    };
    for (auto const& [make, mend] : cases) {
        auto const found = one_complaint(make);
        CAPTURE(found.text);
        CHECK(found.level == finding_level::warn);
        CHECK_THAT(found.mend, ContainsSubstring(mend));
    }
}

TEST_CASE("words of the runtime are passed on, as failures when it is not usable",
          "[daemon][doctor]") {
    auto const warned = one_complaint(
        [](host_facts& f) { f.runtime.warnings = {"crun 1.8.1 is older than 1.28"}; });
    CHECK(warned.level == finding_level::warn);
    auto const failed = one_complaint([](host_facts& f) {
        f.runtime.usable = false;
        f.runtime.problems = {"neither crun nor runc is installed: apt install crun"};
    });
    CHECK(failed.level == finding_level::fail);
    CHECK_THAT(failed.text, ContainsSubstring("apt install crun"));
    CHECK(one_complaint([](host_facts& f) { f.runtime.usable = false; }).level ==
          finding_level::fail);
    CHECK(one_complaint([](host_facts& f) {
              f.workspace.usable = false;
              f.workspace.problems = {"no loop device is free"};
          }).level == finding_level::fail);
}

TEST_CASE("without a quota neither loop devices nor ext4 are needed, and that is said",
          "[daemon][doctor]") {
    settings of;
    of.sandbox.workspace_quota = "none";
    auto const found = one_complaint(
        [](host_facts& f) {
            f.loop_control = false;
            f.filesystems = "";
            f.programs.clear();
        },
        of);
    CHECK(found.level == finding_level::warn);
    CHECK_THAT(found.text, ContainsSubstring("fill the disk"));
}

TEST_CASE("findings are shown to people and to programs", "[daemon][doctor]") {
    broker::findings const all{{finding_level::ok, "kernel", "Linux", ""},
                               {finding_level::fail, "image", "no \"x\"", "build it"}};
    CHECK(to_text(all, false) ==
          "ok    kernel             Linux\n"
          "fail  image              no \"x\"\n"
          "                         -> build it\n"
          "\nSessions cannot run here: 1 ok, 0 to consider, 1 in the way\n");
    CHECK_THAT(to_text(all, true), ContainsSubstring("\x1b[31mfail\x1b[0m"));
    CHECK(
        to_json(all) ==
        R"({"can_run":false,"findings":[{"level":"ok","topic":"kernel","text":"Linux","mend":""},)"
        R"({"level":"fail","topic":"image","text":"no \"x\"","mend":"build it"}]})"
        "\n");
    CHECK_FALSE(can_run(all));
}
