// SPDX-License-Identifier: Apache-2.0
// A sandbox that is what was asked for, and then each thing about it changed alone. One thread.
#include "broker/runtime/read_back.hpp"

#include "tests/support/catch.hpp"

#include <algorithm>
#include <functional>

using namespace broker;

namespace {

sandbox_spec wanted() {
    sandbox_spec s;
    s.session = session_id{"sssssssssssssssssssss"};
    s.sandbox = sandbox_id{"bbbbbbbbbbbbbbbbbbbbb"};
    s.uid = 200'123;
    s.image_digest = "0123abcd";
    s.workspace_mount = "/state/mounts/w";
    s.kernel_argv = {"/usr/bin/tini"};
    return s;
}

bundle_host const host{"/state/images/0123abcd/rootfs", "/state/sandboxes/b/k",
                       "/kernel-broker/i/s/b", 500};

constexpr char const* good_status =
    "Name:\ttini\nUmask:\t0077\nUid:\t200123\t200123\t200123\t200123\n"
    "Gid:\t200123\t200123\t200123\t200123\nGroups:\t \nCapInh:\t0000000000000000\n"
    "CapPrm:\t0000000000000000\nCapEff:\t0000000000000000\nCapBnd:\t0000000000000000\n"
    "CapAmb:\t0000000000000000\nNoNewPrivs:\t1\nSeccomp:\t0\n";
constexpr char const* good_limits =
    "Limit                     Soft Limit           Hard Limit           Units     \n"
    "Max file size             1073741824           1073741824           bytes     \n"
    "Max core file size        0                    0                    bytes     \n"
    "Max open files            1024                 1024                 files     \n"
    "Max locked memory         65536                65536                bytes     \n"
    "Max msgqueue size         0                    0                    bytes     \n";
constexpr char const* good_mounts =
    "100 90 254:0 /state/images/0123abcd/rootfs / ro,relatime - ext4 /dev/vda rw\n"
    "101 100 0:50 / /proc rw,nosuid,nodev,noexec,relatime - proc proc rw\n"
    "102 100 0:51 / /dev rw,nosuid,noexec - tmpfs tmpfs rw,size=64k,mode=755\n"
    "103 102 0:52 / /dev/shm rw,nosuid,nodev,noexec - tmpfs shm rw,size=65536k,nr_inodes=1024\n"
    "104 100 0:53 / /tmp rw,nosuid,nodev - tmpfs tmpfs rw,size=65536k,nr_inodes=4096\n"
    "105 100 0:54 / /run/kernel rw,nosuid,nodev,noexec - tmpfs tmpfs "
    "rw,size=64k,nr_inodes=16,mode=700\n"
    "106 100 7:1 /data /mnt/data rw,nosuid,nodev,noatime - ext4 /dev/loop1 rw\n"
    "107 101 0:51 /null /proc/keys rw,nosuid,noexec - tmpfs tmpfs rw,size=64k,mode=755\n"
    "108 101 0:55 / /proc/acpi ro,relatime - tmpfs tmpfs ro,size=0k\n"
    "109 101 0:50 /sys /proc/sys ro,nosuid,nodev,noexec,relatime - proc proc rw\n";

process_view good() {
    process_view v;
    v.status = good_status;
    v.limits = good_limits;
    v.mountinfo = good_mounts;
    v.cgroup = "3:pids:/kernel-broker/i/s/b\n2:memory:/kernel-broker/i/s/b\n0::/\n";
    v.oom_score_adj = "500";
    v.net_dev = "Inter-| Receive\n face |bytes\n    lo: 0 0\n";
    v.net_route = "Iface\tDestination\n";
    v.net_trie = "Local:\n  |-- 127.0.0.1\n";
    for (char const* name : {"pid", "net", "ipc", "uts", "mnt", "cgroup"}) {
        v.namespaces[name] = std::string{name} + ":[2]";
        v.host_namespaces[name] = std::string{name} + ":[1]";
    }
    v.hideable = {"/proc/keys", "/proc/acpi", "/proc/sys"};
    for (char const* where : {"/", "/run/kernel", "/mnt/data"}) {
        v.places[where] = {"7:" + std::string{where}, "7:" + std::string{where}};
    }
    return v;
}

struct change {
    char const* what;
    std::function<void(process_view&)> make;
    char const* told;
};

/// One text of a view, with a part of it replaced.
change edit(std::string process_view::*text, char const* from, char const* to, char const* told) {
    return {from,
            [=](process_view& v) {
                auto const at = (v.*text).find(from);
                REQUIRE(at != std::string::npos);
                (v.*text).replace(at, std::string_view{from}.size(), to);
            },
            told};
}

std::vector<change> changes_of_the_process() {
    auto const status = &process_view::status;
    auto const limits = &process_view::limits;
    return {
        edit(status, "Uid:\t200123", "Uid:\t0", "Uid"),
        edit(status, "Gid:\t200123\t200123", "Gid:\t200123\t5", "Gid"),
        edit(status, "Groups:\t ", "Groups:\t5 ", "Groups"),
        edit(status, "Groups:\t \n", "", "Groups"),
        edit(status, "CapInh:\t0", "CapInh:\t1", "CapInh"),
        edit(status, "CapPrm:\t0", "CapPrm:\t1", "CapPrm"),
        edit(status, "CapEff:\t0", "CapEff:\t1", "CapEff"),
        edit(status, "CapBnd:\t0", "CapBnd:\t1", "CapBnd"),
        edit(status, "CapAmb:\t0", "CapAmb:\t1", "CapAmb"),
        edit(status, "NoNewPrivs:\t1", "NoNewPrivs:\t0", "NoNewPrivs"),
        edit(status, "Umask:\t0077", "Umask:\t0022", "Umask"),
        edit(limits, "1073741824           1073741824", "1073741824           unlimited ",
             "Max file"),
        edit(limits, "size        0 ", "size        1 ", "Max core file size"),
        edit(limits, "1024 ", "2048 ", "Max open files"),
        edit(limits, "65536 ", "65537 ", "Max locked memory"),
        edit(limits, "Max msgqueue size", "Max msgqueue", "Max msgqueue size"),
        edit(&process_view::oom_score_adj, "500", "0", "oom_score_adj"),
        {"net namespace of the host", [](auto& v) { v.namespaces["net"] = "net:[1]"; }, "the net"},
        {"no user of cgroup namespaces", [](auto& v) { v.namespaces.erase("cgroup"); },
         "the cgroup"},
        edit(&process_view::cgroup, "3:pids:/kernel-broker/i/s/b", "3:pids:/", "3:pids:/"),
        {"in no group", [](auto& v) { v.cgroup.clear(); }, "groups"},
        edit(&process_view::net_dev, "    lo: 0 0\n", "    lo: 0 0\n  sit0: 0 0\n", "lo, sit0"),
        edit(&process_view::net_dev, "    lo: 0 0\n", "", "interfaces"),
        edit(&process_view::net_route, "Destination\n", "Destination\neth0\t0\n", "routes"),
        edit(&process_view::net_trie, "127.0.0.1", "127.0.0.2", "lo is not up"),
    };
}

std::vector<change> changes_of_the_mounts() {
    auto const mounts = &process_view::mountinfo;
    return {
        edit(mounts, "/ ro,relatime", "/ rw,relatime", "root is not read-only"),
        edit(mounts, "/proc rw,nosuid", "/proc rw", "/proc is mounted without nosuid"),
        edit(mounts, "/mnt/data rw,nosuid,nodev", "/mnt/data rw,nosuid", "without nodev"),
        edit(mounts, "/mnt/data rw", "/mnt/data ro", "/mnt/data is mounted with ro"),
        edit(mounts, "/tmp rw,nosuid", "/tmp rw,noexec,nosuid", "/tmp is mounted with noexec"),
        edit(mounts, "tmpfs tmpfs rw,size=65536k", "tmpfs tmpfs rw,size=65540k", "/tmp"),
        edit(mounts, ",nr_inodes=1024", "", "/dev/shm is mounted without nr_inodes"),
        edit(mounts, "size=64k,nr_inodes=16", "nr_inodes=16",
             "/run/kernel is mounted without size"),
        edit(mounts, "size=64k,nr_inodes=16", "size=64k", "/run/kernel is mounted without nr_"),
        edit(mounts, "noexec - tmpfs tmpfs rw,size=64k,nr", "noexec - ext4 tmpfs rw,size=64k,nr",
             "/run/kernel is a ext4 instead of a tmpfs"),
        edit(mounts, " /proc/keys ", " /proc/key ", "/proc/keys is in sight"),
        edit(mounts, "/null /proc/keys", "/zero /proc/keys", "/proc/keys is in sight"),
        edit(mounts, "ro,relatime - tmpfs tmpfs ro,size=0k", "ro,relatime - ext4 /dev/vda ro",
             "/proc/acpi is in sight"),
        edit(mounts, "/proc/acpi ro", "/proc/acpi rw", "/proc/acpi is in sight"),
        edit(mounts, "/proc/sys ro", "/proc/sys rw", "/proc/sys is writable"),
        edit(mounts, "relatime - proc proc rw\n",
             "relatime - proc proc rw\n110 100 0:9 / /sys rw - sysfs sysfs rw\n",
             "/sys is mounted, which nobody asked for"),
        edit(mounts, "106 100", "99 100 0:1 / /tmp rw,nosuid,nodev - tmpfs tmpfs rw\n106 100",
             "/tmp is mounted twice"),
        {"the root of another image", [](auto& v) { v.places["/"].inside = "7:1"; },
         "/ is another"},
        {"the sockets of another", [](auto& v) { v.places["/run/kernel"].outside = "7:1"; },
         "/run/kernel is another"},
        {"files of another", [](auto& v) { v.places["/mnt/data"] = {}; }, "/mnt/data is another"},
        {"never looked", [](auto& v) { v.places.clear(); }, "/mnt/data is another"},
    };
}

void check_each(std::vector<change> const& changes) {
    for (auto const& one : changes) {
        CAPTURE(one.what, one.told);
        auto view = good();
        one.make(view);
        auto const found = differences(view, wanted(), host);
        REQUIRE_FALSE(found.empty());
        CHECK(std::ranges::any_of(found, [&](auto const& sentence) {
            return sentence.find(one.told) != std::string::npos;
        }));
    }
}

}  // namespace

TEST_CASE("a sandbox that is what was asked for has no differences", "[read_back]") {
    CHECK(differences(good(), wanted(), host) == std::vector<std::string>{});
}

TEST_CASE("each thing about the process that is otherwise is told", "[read_back]") {
    check_each(changes_of_the_process());
}

TEST_CASE("each thing about the mounts that is otherwise is told", "[read_back]") {
    check_each(changes_of_the_mounts());
}

TEST_CASE("on cgroup2 the one line there is must name the sandbox's group", "[read_back]") {
    auto view = good();
    view.cgroup = "0::/kernel-broker/i/s/b\n";
    CHECK(differences(view, wanted(), host).empty());
    for (auto const* other : {"0::/\n", "0::/kernel-broker/i/s\n", "0::/kernel-broker/i/s/bb\n",
                              "0::/x/kernel-broker/i/s/b\n"}) {
        view.cgroup = other;
        CHECK(differences(view, wanted(), host).size() == 1);
    }
}

TEST_CASE("seccomp and a namespace of users are told as they are", "[read_back]") {
    auto view = good();
    CHECK_FALSE(has_seccomp(view));
    CHECK_FALSE(has_user_namespace(view));
    view.status.replace(view.status.find("Seccomp:\t0"), 10, "Seccomp:\t2");
    view.namespaces["user"] = "user:[2]";
    CHECK(has_seccomp(view));
    CHECK_FALSE(has_user_namespace(view));
    view.host_namespaces["user"] = "user:[1]";
    CHECK(has_user_namespace(view));
}
