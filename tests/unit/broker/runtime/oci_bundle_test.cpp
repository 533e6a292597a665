// SPDX-License-Identifier: Apache-2.0
#include "broker/runtime/oci_bundle.hpp"

#include "tests/support/catch.hpp"

#include <nlohmann/json.hpp>

#include <functional>
#include <limits>

using namespace broker;

namespace {

sandbox_spec example() {
    sandbox_spec s;
    s.session = session_id{"sssssssssssssssssssss"};
    s.sandbox = sandbox_id{"bbbbbbbbbbbbbbbbbbbbb"};
    s.uid = 200'123;
    s.image_digest = "0123abcd";
    s.workspace_mount = "/state/mounts/w";
    s.kernel_argv = {"/usr/bin/tini", "--", "/usr/bin/python3"};
    s.kernel_env = {"PATH=/usr/bin", "HOME=/tmp"};
    return s;
}

bundle_host const host{"/state/images/0123abcd/rootfs", "/state/sandboxes/b/k",
                       "/kernel-broker/i/s/b", 500};

}  // namespace

TEST_CASE("the process of a bundle has no rights, few files and a fixed place", "[bundle]") {
    auto const c = nlohmann::json::parse(make_oci_config(example(), host));
    auto const wanted = nlohmann::json::parse(R"({
      "terminal": false,
      "user": {"uid": 200123, "gid": 200123, "umask": 63, "additionalGids": []},
      "args": ["/usr/bin/tini", "--", "/usr/bin/python3"],
      "env": ["PATH=/usr/bin", "HOME=/tmp"],
      "cwd": "/mnt/data",
      "capabilities": {"bounding": [], "effective": [], "inheritable": [], "permitted": [],
                       "ambient": []},
      "rlimits": [{"type": "RLIMIT_NOFILE", "hard": 1024, "soft": 1024},
                  {"type": "RLIMIT_CORE", "hard": 0, "soft": 0},
                  {"type": "RLIMIT_FSIZE", "hard": 1073741824, "soft": 1073741824},
                  {"type": "RLIMIT_MEMLOCK", "hard": 65536, "soft": 65536},
                  {"type": "RLIMIT_MSGQUEUE", "hard": 0, "soft": 0}],
      "noNewPrivileges": true, "oomScoreAdj": 500})");
    CHECK(c["process"] == wanted);
    CHECK(c["root"] ==
          nlohmann::json::parse(R"({"path": "/state/images/0123abcd/rootfs", "readonly": true})"));
    CHECK(c["hostname"] == "sandbox");
}

TEST_CASE("the mounts of a bundle are these six and no other", "[bundle]") {
    auto const c = nlohmann::json::parse(make_oci_config(example(), host));
    CHECK(c["mounts"] == nlohmann::json::parse(R"([
      {"destination": "/proc", "type": "proc", "source": "proc",
       "options": ["nosuid", "noexec", "nodev"]},
      {"destination": "/dev", "type": "tmpfs", "source": "tmpfs",
       "options": ["nosuid", "noexec", "mode=755", "size=64k"]},
      {"destination": "/dev/shm", "type": "tmpfs", "source": "shm",
       "options": ["nosuid", "noexec", "nodev", "mode=1777", "size=65536k", "nr_inodes=1024"]},
      {"destination": "/tmp", "type": "tmpfs", "source": "tmpfs",
       "options": ["nosuid", "nodev", "mode=1777", "size=65536k", "nr_inodes=4096"]},
      {"destination": "/run/kernel", "type": "bind", "source": "/state/sandboxes/b/k",
       "options": ["bind", "rw", "nosuid", "nodev", "noexec"]},
      {"destination": "/mnt/data", "type": "bind", "source": "/state/mounts/w",
       "options": ["bind", "rw", "nosuid", "nodev"]}])"));
}

TEST_CASE("temporary file systems never hold more than half of the memory", "[bundle]") {
    auto s = example();
    s.session_limits.memory_bytes = 64ULL << 20;
    auto mounts = planned_mounts(s, host);
    CHECK(mounts[2].data[1] == "size=16384k");
    CHECK(mounts[3].data[1] == "size=16384k");
    s.session_limits.memory_bytes = (64ULL << 20) + 4095;  // whole pages, as the kernel prints them
    s.tmp_bytes = 1ULL << 20;
    mounts = planned_mounts(s, host);
    CHECK(mounts[2].data[1] == "size=16384k");
    CHECK(mounts[3].data[1] == "size=1024k");
    s.session_limits.memory_bytes = 1;
    CHECK(planned_mounts(s, host)[3].data[1] == "size=4k");
}

TEST_CASE("namespaces are all new, devices are five, the group is the sandbox's", "[bundle]") {
    auto const l = nlohmann::json::parse(make_oci_config(example(), host))["linux"];
    CHECK(l["namespaces"] == nlohmann::json::parse(
                                 R"([{"type": "pid"}, {"type": "network"}, {"type": "ipc"},
                                     {"type": "uts"}, {"type": "mount"}, {"type": "cgroup"}])"));
    CHECK(l["cgroupsPath"] == "/kernel-broker/i/s/b");
    CHECK(l["rootfsPropagation"] == "private");
    auto const& devices = l["resources"]["devices"];
    REQUIRE(devices.size() == 6);
    CHECK(devices[0] == nlohmann::json::parse(R"({"allow": false, "access": "rwm"})"));
    for (std::size_t i = 1; i < devices.size(); ++i) {
        CHECK(devices[i]["major"] == 1);
        CHECK(devices[i]["access"] == "rw");
    }
    CHECK(l["maskedPaths"].size() == 27);
    CHECK(l["readonlyPaths"].size() == 5);
}

TEST_CASE("a description that must never reach a runtime is refused", "[bundle]") {
    CHECK(check_spec(example()).has_value());
    std::vector<std::function<void(sandbox_spec&)>> const spoilers{
        [](auto& s) { s.uid = 0; },
        [](auto& s) { s.uid = 199'999; },
        [](auto& s) { s.uid = 300'000; },
        [](auto& s) { s.session = session_id{"../../../../../../etc"}; },
        [](auto& s) { s.sandbox = sandbox_id{}; },
        [](auto& s) { s.image_digest = "../x"; },
        [](auto& s) { s.image_digest = ""; },
        [](auto& s) { s.image_digest = ".."; },
        [](auto& s) { s.workspace_mount = "relative"; },
        [](auto& s) { s.workspace_mount = "/a/../b"; },
        [](auto& s) { s.kernel_argv = {}; },
        [](auto& s) { s.kernel_argv = {"python3"}; },
        [](auto& s) { s.kernel_argv.push_back(std::string("a\0b", 3)); },
        [](auto& s) { s.kernel_env = {"NOVALUE"}; },
        [](auto& s) { s.session_limits.memory_bytes = 0; },
        [](auto& s) { s.session_limits.pids = 0; },
        [](auto& s) { s.session_limits.cpus = 0; },
        [](auto& s) { s.session_limits.cpus = std::numeric_limits<double>::quiet_NaN(); },
        [](auto& s) { s.session_limits.disk_bytes = 0; },
        [](auto& s) { s.boost_cpus = -1; },
    };
    for (std::size_t i = 0; i < spoilers.size(); ++i) {
        auto s = example();
        spoilers[i](s);
        INFO("spoiler " << i);
        CHECK_FALSE(check_spec(s).has_value());
    }
}
