// SPDX-License-Identifier: Apache-2.0
#include "broker/runtime/cgroup_layout.hpp"

#include "broker/runtime/cgroup_values.hpp"
#include "tests/support/catch.hpp"

using namespace broker;

namespace {

constexpr char const* root_lines =
    "27 1 254:0 / / rw,relatime - ext4 /dev/vda rw\n"
    "31 23 0:28 / /sys/fs/cgroup rw,relatime - tmpfs tmpfs rw,mode=755\n";
constexpr char const* v1_lines =
    "32 31 0:29 / /sys/fs/cgroup/cpu,cpuacct rw shared:9 - cgroup cgroup rw,cpu,cpuacct\n"
    "35 31 0:32 / /sys/fs/cgroup/mem\\040ory rw - cgroup cgroup rw,memory\n"
    "36 31 0:33 / /sys/fs/cgroup/devices rw - cgroup cgroup rw,devices\n"
    "39 31 0:36 / /sys/fs/cgroup/pids rw - cgroup cgroup rw,pids\n"
    "40 31 0:37 / /sys/fs/cgroup/systemd rw - cgroup cgroup rw,name=systemd\n";
constexpr char const* v2_beside = "41 31 0:38 / /sys/fs/cgroup/unified rw - cgroup2 cgroup2 rw\n";
constexpr char const* v2_alone = "31 23 0:28 / /sys/fs/cgroup rw - cgroup2 cgroup2 rw,nsdelegate\n";

std::string value_of(std::vector<cgroup_setting> const& table, std::string_view file) {
    std::string value = "absent";
    for (auto const& s : table) {
        value = s.file == file ? s.value : value;
    }
    return value;
}

}  // namespace

TEST_CASE("the three layouts of cgroups are told apart", "[cgroup]") {
    auto const v1 = parse_cgroup_layout(std::string{root_lines} + v1_lines);
    CHECK(v1.mode == cgroup_mode::v1);
    CHECK(v1.mount_of("cpuacct") == "/sys/fs/cgroup/cpu,cpuacct");
    CHECK(v1.mount_of("memory") == "/sys/fs/cgroup/mem ory");
    CHECK(v1.cover() == "-");
    CHECK(v1.missing().empty());
    CHECK(v1.hierarchies.size() == 5);

    auto const hybrid = parse_cgroup_layout(std::string{root_lines} + v1_lines + v2_beside);
    CHECK(hybrid.mode == cgroup_mode::hybrid);
    CHECK(hybrid.cover() == "/sys/fs/cgroup/unified");
    CHECK(hybrid.mount_of("pids") == "/sys/fs/cgroup/pids");

    auto const v2 = parse_cgroup_layout(v2_alone);
    CHECK(v2.mode == cgroup_mode::v2);
    CHECK(v2.mount_of("memory") == "/sys/fs/cgroup");
    CHECK(v2.cover() == "-");
    CHECK(v2.missing().empty());
}

TEST_CASE("what is no whole hierarchy does not count as one", "[cgroup]") {
    CHECK(parse_cgroup_layout("").mode == cgroup_mode::none);
    CHECK(parse_cgroup_layout(root_lines).mode == cgroup_mode::none);
    CHECK(parse_cgroup_layout("1 2 0:3 /docker/x /sys/fs/cgroup rw - cgroup2 cgroup2 rw\n").mode ==
          cgroup_mode::none);
    CHECK(parse_cgroup_layout("cgroup2 - - -\n\n- x\n").mode == cgroup_mode::none);
    auto const partly = parse_cgroup_layout("32 31 0:29 / /c rw - cgroup cgroup rw,memory\n");
    CHECK(partly.missing() == std::vector<std::string>{"cpu", "cpuacct", "devices", "pids"});
}

TEST_CASE("limits become the files of each version, memory before its sum with swap", "[cgroup]") {
    limits l;
    auto const v1 = settings_for(cgroup_mode::hybrid, l, 2);
    CHECK(value_of(v1, "memory.limit_in_bytes") == "536870912");
    CHECK(value_of(v1, "memory.memsw.limit_in_bytes") == "536870912");
    CHECK(value_of(v1, "pids.max") == "128");
    CHECK(value_of(v1, "cpu.cfs_quota_us") == "200000");
    CHECK(value_of(v1, "cpu.cfs_period_us") == "100000");
    CHECK(value_of(v1, "cpu.shares") == "256");
    CHECK(value_of(v1, "memory.swappiness") == "0");
    auto const v2 = settings_for(cgroup_mode::v2, l, 0.5);
    CHECK(value_of(v2, "memory.max") == "536870912");
    CHECK(value_of(v2, "memory.swap.max") == "0");
    CHECK(value_of(v2, "cpu.max") == "50000 100000");
    CHECK(value_of(v2, "pids.max") == "128");
    CHECK(value_of(cpu_settings_for(cgroup_mode::v1, 0.0001), "cpu.cfs_quota_us") == "1000");
}

TEST_CASE("reading back accepts whole pages and nothing else", "[cgroup]") {
    cgroup_setting const memory{"memory", "memory.max", "10000"};
    CHECK(reads_back(memory, "8192\n"));
    CHECK_FALSE(reads_back(memory, "12288\n"));
    CHECK_FALSE(reads_back(memory, "max\n"));
    CHECK_FALSE(reads_back(memory, ""));
    cgroup_setting const pids{"pids", "pids.max", "128"};
    CHECK(reads_back(pids, "128\n"));
    CHECK_FALSE(reads_back(pids, "127\n"));
    CHECK(reads_back({"cpu", "cpu.max", "50000 100000"}, "50000 100000\n"));
    CHECK_FALSE(reads_back({"cpu", "cpu.max", "50000 100000"}, "max 100000\n"));
}

TEST_CASE("counters are found by their whole key", "[cgroup]") {
    auto const* text = "oom_kill_disable 0\nunder_oom 0\noom_kill 3\n";
    CHECK(parse_counter(text, "oom_kill") == 3U);
    CHECK(parse_counter("low 0\nmax 7\noom_kill 2\noom_group_kill 1\n", "oom_kill") == 2U);
    CHECK(parse_counter(text, "oom") == std::nullopt);
    CHECK(parse_counter("123\n", "") == 123U);
    CHECK(parse_counter("max\n", "") == std::nullopt);
    CHECK(parse_counter("", "") == std::nullopt);
}
