// SPDX-License-Identifier: Apache-2.0
#include "tests/system/runtime_fixture.hpp"

#include "broker/base/ids.hpp"
#include "broker/runtime/host_files.hpp"
#include "broker/runtime/process_facts.hpp"
#include "tests/support/catch.hpp"

#include <poll.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <filesystem>

namespace test_support {
namespace {

namespace fs = std::filesystem;

std::string image_root() {
    char const* root = std::getenv("KB_TEST_IMAGE_ROOT");
    if (root == nullptr || !fs::is_directory(root)) {
        FAIL(
            "KB_TEST_IMAGE_ROOT does not name the root of a kernel image: build one "
            "(kernel-broker image build images/python) and set it, as tests/run does");
    }
    return fs::canonical(root);
}

std::string monitor_program() {
    char const* path = std::getenv("KB_TEST_MONITOR");
    return path != nullptr ? path : KB_MONITOR_PATH;
}

}  // namespace

bool readable(int fd, int milliseconds) {
    pollfd entry{fd, POLLIN, 0};
    return ::poll(&entry, 1, milliseconds) > 0;
}

std::set<std::string> runtime_fixture::lists() const {
    auto const& state_dir = options_.state_dir;
    std::set<std::string> lines;
    auto const mountinfo = broker::read_host_file("/proc/self/mountinfo").value_or("");
    for (auto const& m : broker::parse_mountinfo(mountinfo)) {
        if ((m.mount_point + m.root).find(state_dir) != std::string::npos ||
            m.mount_point.starts_with("/sys/fs/cgroup")) {
            lines.insert("mount " + m.mount_point);
        }
        if (m.type == "cgroup" || m.type == "cgroup2") {
            std::error_code ignored;
            for (fs::recursive_directory_iterator it{m.mount_point, ignored}, end; it != end;
                 it.increment(ignored)) {
                auto const path = it->path().string();
                if (path.find("/kernel-broker/" + options_.instance) != std::string::npos &&
                    it->is_directory(ignored)) {
                    lines.insert("group " + path);
                }
            }
        }
    }
    for (auto const& name : broker::names_in("/proc")) {
        if (name.find_first_not_of("0123456789") == std::string::npos) {
            auto const line = broker::read_host_file("/proc/" + name + "/cmdline").value_or("");
            auto const status = broker::parse_status(
                broker::read_host_file("/proc/" + name + "/status").value_or(""));
            auto const uid = status.find("Uid");
            auto const state = status.find("State");
            if (state == status.end() || state->second.starts_with('Z')) {
                continue;  // ended; its parent may take its time
            }
            if (line.find(state_dir) != std::string::npos ||
                (uid != status.end() && uid->second.starts_with("2987"))) {
                lines.insert("process " + name);
            }
        }
    }
    for (char const* folder : {"/sandboxes", "/oci", "/probe"}) {
        for (auto const& name : broker::names_in(state_dir + folder)) {
            lines.insert("directory " + (folder + ("/" + name)));
        }
    }
    return lines;
}

runtime_fixture::runtime_fixture(std::string runtime, std::function<void(std::string_view)> step) {
    auto const image = image_root();
    char name[] = "/tmp/kb-runtime-XXXXXX";
    REQUIRE(::mkdtemp(name) != nullptr);
    options_.state_dir = name;
    options_.instance = broker::make_random_id();
    options_.runtime = std::move(runtime);
    options_.monitor_path = monitor_program();
    options_.step = std::move(step);
    fs::create_directories(options_.state_dir + "/images/image");
    fs::create_directory(options_.state_dir + "/work");
    fs::create_directory_symlink(image, options_.state_dir + "/images/image/rootfs");
    runtime_ = broker::create_oci_runtime(options_);
}

runtime_fixture::~runtime_fixture() {
    if (auto const left = runtime_->list()) {
        for (auto const& s : *left) {
            (void)runtime_->end(s.session, s.sandbox);
            (void)runtime_->forget_session(s.session);
        }
    }
    auto const name = options_.state_dir.substr(options_.state_dir.rfind('/') + 1);
    (void)broker::remove_tree("/tmp", name);
}

broker::sandbox_spec runtime_fixture::spec(std::string const& program) {
    broker::sandbox_spec s;
    s.session = broker::session_id::make();
    s.sandbox = broker::sandbox_id::make();
    s.uid = next_uid_++;
    s.image_digest = "image";
    s.workspace_mount = options_.state_dir + "/work/" + s.sandbox.str();
    s.connection_file = "{}";
    s.kernel_env = {"PATH=/usr/bin:/bin", "HOME=/tmp", "LANG=C.UTF-8"};
    s.kernel_argv = {"/usr/bin/tini", "--", "/usr/bin/python3", "-c",
                     "import os\n"
                     "def tell(text):\n"
                     "    with open('/mnt/data/draft', 'w') as f: f.write(str(text))\n"
                     "    os.rename('/mnt/data/draft', '/mnt/data/result')\n" +
                         program + "\nimport signal\nsignal.pause()\n"};
    fs::create_directory(s.workspace_mount);
    REQUIRE(::chown(s.workspace_mount.c_str(), s.uid, s.uid) == 0);
    return s;
}

std::string runtime_fixture::told(broker::sandbox_spec const& s) const {
    auto const result = s.workspace_mount + "/result";
    broker::unique_fd const watch{::inotify_init1(IN_CLOEXEC)};
    REQUIRE(::inotify_add_watch(watch.get(), s.workspace_mount.c_str(), IN_MOVED_TO) >= 0);
    if (!broker::path_exists(result)) {
        (void)readable(watch.get(), 20'000);
    }
    return broker::read_host_file(result).value_or("");
}

std::string runtime_fixture::run(broker::sandbox_spec const& s) {
    auto const started = runtime().start(s);
    if (!started) {
        FAIL(started.error().detail);
    }
    auto text = told(s);
    auto const end = runtime().end(s.session, s.sandbox);
    if (!end) {
        FAIL(end.error().detail);
    }
    last_end = *end;
    auto const forgotten = runtime().forget_session(s.session);
    CHECK(forgotten.has_value());
    return text;
}

}  // namespace test_support
