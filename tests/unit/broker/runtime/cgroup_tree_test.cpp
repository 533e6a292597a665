// SPDX-License-Identifier: Apache-2.0
// The groups of a host with cgroup2 alone, played by plain directories and files. One thread.
#include "broker/runtime/cgroup_tree.hpp"

#include "broker/runtime/host_files.hpp"
#include "tests/support/catch.hpp"

#include <filesystem>
#include <fstream>

using namespace broker;
namespace fs = std::filesystem;

namespace {

struct v2_host {
    fs::path mount = fs::temp_directory_path() / ("kb-cgroup-" + make_random_id());
    session_id session = session_id::make();
    sandbox_id sandbox = sandbox_id::make();
    cgroup_tree tree{
        parse_cgroup_layout("31 23 0:28 / " + mount.native() + " rw - cgroup2 cgroup2 rw\n"),
        "instance"};

    v2_host() {
        for (auto const& level :
             {mount, mount / "kernel-broker", mount / "kernel-broker/instance", group()}) {
            fs::create_directories(level);
            file(level / "cgroup.subtree_control");
        }
        for (auto const* name :
             {"memory.max", "memory.swap.max", "pids.max", "cpu.weight", "cpu.max"}) {
            file(group() / name);
        }
    }
    v2_host(v2_host const&) = delete;
    v2_host& operator=(v2_host const&) = delete;
    ~v2_host() { fs::remove_all(mount); }

    fs::path group() const { return mount.native() + tree.path_of(session); }
    static void file(fs::path const& path, std::string const& text = "") {
        std::ofstream{path, std::ios::binary | std::ios::trunc} << text;
    }
    std::string text(char const* name) const {
        return read_host_file((group() / name).native()).value_or("absent");
    }
};

}  // namespace

TEST_CASE("limits of a session are written to cgroup2 and read back", "[cgroup]") {
    v2_host h;
    limits const to;
    REQUIRE(h.tree.prepare(h.session, to, 2).has_value());
    CHECK(h.text("memory.max") == "536870912");
    CHECK(h.text("memory.swap.max") == "0");
    CHECK(h.text("pids.max") == "128");
    CHECK(h.text("cpu.weight") == "25");
    CHECK(h.text("cpu.max") == "200000 100000");
    auto const table = settings_for(cgroup_mode::v2, to, 2);
    CHECK(h.tree.differences(h.session, table).empty());
    for (auto const& one : table) {
        CAPTURE(one.file);
        v2_host::file(h.group() / one.file, "7");
        auto const found = h.tree.differences(h.session, table);
        REQUIRE(found.size() == 1);
        CHECK(found.front() == one.file + " is 7 instead of " + one.value);
        v2_host::file(h.group() / one.file, one.value);
    }
}

TEST_CASE("each group hands memory, CPU and processes down, and the session's keeps its own",
          "[cgroup]") {
    v2_host h;
    REQUIRE(h.tree.prepare(h.session, {}, 2).has_value());
    for (auto const* above : {"", "kernel-broker", "kernel-broker/instance"}) {
        // A plain file shows the last word only; the kernel adds them up.
        CHECK_FALSE(read_host_file((h.mount / above / "cgroup.subtree_control").native())->empty());
    }
    CHECK(h.text("cgroup.subtree_control").empty());
}

TEST_CASE("without swap accounting a session's limits are those that there are", "[cgroup]") {
    v2_host h;
    fs::remove(h.group() / "memory.swap.max");
    REQUIRE(h.tree.prepare(h.session, {}, 2).has_value());
    CHECK(h.tree.differences(h.session, settings_for(cgroup_mode::v2, {}, 2)).empty());
    fs::remove(h.group() / "memory.max");
    auto const refused = h.tree.prepare(h.session, {}, 2);
    REQUIRE_FALSE(refused.has_value());
    CHECK(refused.error().code == errc::runtime_unavailable);
    CHECK_FALSE(h.tree.differences(h.session, settings_for(cgroup_mode::v2, {}, 2)).empty());
}

TEST_CASE("use, sandboxes and sessions are read from cgroup2", "[cgroup]") {
    v2_host h;
    v2_host::file(h.group() / "memory.current", "4096\n");
    v2_host::file(h.group() / "cpu.stat", "usage_usec 2500000\nuser_usec 1\n");
    v2_host::file(h.group() / "pids.current", "3\n");
    auto const used = h.tree.usage(h.session);
    CHECK(used.memory_bytes == 4096);
    CHECK(used.cpu_s == 2.5);
    CHECK(used.pids == 3);
    CHECK(h.tree.sandboxes().empty());
    fs::create_directory(h.group() / h.sandbox.str());
    fs::create_directory(h.group() / "not-ours");
    CHECK(h.tree.sandboxes() == std::vector{std::pair{h.session, h.sandbox}});
    CHECK(h.tree.sessions() == std::vector{h.session});
    CHECK(h.tree.tighten_devices(h.session, h.sandbox).has_value());
    CHECK(h.tree.remove(h.session, h.sandbox));
    CHECK(h.tree.sandboxes().empty());
}
