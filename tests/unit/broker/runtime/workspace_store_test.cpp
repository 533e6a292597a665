// SPDX-License-Identifier: Apache-2.0
// Needs root and loop devices: mounts real file systems below a directory of its own.
#include "broker/runtime/workspace_store.hpp"

#include "broker/base/beneath.hpp"
#include "broker/runtime/ext4_image.hpp"
#include "broker/runtime/mount_point.hpp"
#include "tests/support/catch.hpp"

#include <dirent.h>
#include <fcntl.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/wait.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <fstream>
#include <set>

using namespace broker;

namespace {

constexpr uid_t owner = 234'567;
constexpr std::uint64_t mib = 1U << 20;

/// A state directory on disk (loop devices refuse some file systems), gone afterwards.
struct state {
    std::string path = "/var/tmp/kernel-broker-test-XXXXXX";
    state() { REQUIRE(mkdtemp(path.data()) != nullptr); }
    state(state const&) = delete;
    state& operator=(state const&) = delete;
    ~state() {
        (void)unmount_all(path + "/workspaces/mounts");
        unique_fd const top{open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC)};
        (void)beneath::remove_tree_contents(top.get());
        rmdir(path.c_str());
    }
    workspace_settings settings() const {
        return {.directory = path + "/workspaces", .stock_bytes = 64 * mib, .stock_count = 2};
    }
    std::string image(session_id const& id) const {
        return path + "/workspaces/" + id.str() + ".img";
    }
};

std::unique_ptr<workspace_store> store_of(state const& in, std::string const& quota) {
    auto made = quota == "ext4" ? make_loop_workspaces(in.settings())
                                : make_directory_workspaces(in.settings());
    REQUIRE(made.has_value());
    return std::move(*made);
}

/// Loop devices whose file lies below a directory.
std::size_t loops_below(std::string const& path) {
    std::size_t found = 0;
    DIR* const blocks = opendir("/sys/block");
    while (dirent const* entry = readdir(blocks)) {
        std::ifstream file("/sys/block/" + std::string(entry->d_name) + "/loop/backing_file");
        std::string name;
        std::getline(file, name);
        found += name.starts_with(path) ? 1 : 0;
    }
    closedir(blocks);
    return found;
}

/// The kernel lets go of a device a moment after its last user: waits for that moment.
bool no_loops_below(std::string const& path) {
    for (int i = 0; i < 500 && loops_below(path) != 0; ++i) {
        sched_yield();
        usleep(10'000);
    }
    return loops_below(path) == 0;
}

void write_file(workspace const& in, std::string const& name, std::string const& bytes) {
    unique_fd const file{
        openat(in.data.get(), name.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644)};
    REQUIRE(write(file.get(), bytes.data(), bytes.size()) == static_cast<ssize_t>(bytes.size()));
}

bool has_file(workspace const& in, std::string const& name) {
    return faccessat(in.data.get(), name.c_str(), F_OK, 0) == 0;
}

std::vector<session_id> listed(workspace_store& store) {
    auto const found = store.list();
    std::vector<session_id> ids;
    for (auto const& one : *found) {
        ids.push_back(one.session);
    }
    return ids;
}

}  // namespace

TEST_CASE("a workspace is made, put away, taken up again and removed", "[runtime][workspace]") {
    auto const quota = GENERATE(std::string("ext4"), std::string("none"));
    CAPTURE(quota);
    state const in;
    auto store = store_of(in, quota);
    CHECK(store->report().usable);
    CHECK(store->refill().has_value());
    auto const id = session_id::make();
    {
        auto const made = store->create(id, owner, 64 * mib);
        REQUIRE(made.has_value());
        struct stat status {};
        REQUIRE(fstat(made->data.get(), &status) == 0);
        CHECK(status.st_uid == owner);
        CHECK((status.st_mode & 07777) == 0700);
        REQUIRE(fstat(made->staging.get(), &status) == 0);
        CHECK(status.st_uid == 0);
        CHECK((status.st_mode & 07777) == 0700);
        write_file(*made, "kept", "x");
        unique_fd const junk{
            openat(made->staging.get(), "junk", O_WRONLY | O_CREAT | O_CLOEXEC, 0600)};
        CHECK(store->create(id, owner, 64 * mib).has_error());
        CHECK(*store->used_bytes(*made) > 0);
        CHECK((made->size_bytes != 0) == (quota == "ext4"));
    }
    CHECK(store->unmount(id).has_value());
    CHECK(store->unmount(id).has_value());
    CHECK(no_loops_below(in.path));
    CHECK(listed(*store) == std::vector{id});
    {
        auto const again = store->open(id, owner);
        REQUIRE(again.has_value());
        CHECK(has_file(*again, "kept"));
        CHECK(faccessat(again->staging.get(), "junk", F_OK, 0) != 0);
        auto const twice = store->open(id, owner);
        REQUIRE(twice.has_value());
        CHECK(has_file(*twice, "kept"));
        CHECK(store->open(id, owner + 1).has_error());
    }
    CHECK(store->remove(id).has_value());
    CHECK(store->remove(id).has_value());
    CHECK(store->open(id, owner).error().code == errc::file_not_found);
    CHECK(listed(*store).empty());
    CHECK(no_loops_below(in.path));
}

TEST_CASE("names that are not ids of ours never become paths", "[runtime][workspace]") {
    auto const quota = GENERATE(std::string("ext4"), std::string("none"));
    state const in;
    auto store = store_of(in, quota);
    for (auto const* text : {"", "..", "../../etc", "alice"}) {
        session_id const id{text};
        CHECK(store->create(id, owner, mib).has_error());
        CHECK(store->open(id, owner).has_error());
        CHECK(store->remove(id).has_error());
    }
}

TEST_CASE("the size limit holds: bytes and files end in ENOSPC, the host's disk does not",
          "[runtime][workspace]") {
    state const in;
    auto store = store_of(in, "ext4");
    auto const id = session_id::make();
    auto const made = store->create(id, owner, 8 * mib);
    REQUIRE(made.has_value());
    CHECK(made->size_bytes <= 8 * mib);
    CHECK(made->size_bytes > 6 * mib);
    int names = 0;
    while (mkdirat(made->data.get(), std::to_string(names).c_str(), 0700) == 0 && names < 100'000) {
        ++names;
    }
    CHECK(errno == ENOSPC);
    CHECK(names < 1000);
    std::string const piece(mib, 'x');
    unique_fd const file{openat(made->data.get(), "0", O_RDONLY | O_DIRECTORY | O_CLOEXEC)};
    CHECK(unlinkat(made->data.get(), "1", AT_REMOVEDIR) == 0);
    unique_fd const big{openat(made->data.get(), "big", O_WRONLY | O_CREAT | O_CLOEXEC, 0600)};
    std::size_t written = 0;
    while (write(big.get(), piece.data(), piece.size()) == static_cast<ssize_t>(piece.size())) {
        written += piece.size();
    }
    CHECK(errno == ENOSPC);
    CHECK(written < 8 * mib);
    struct stat status {};
    REQUIRE(stat(in.image(id).c_str(), &status) == 0);
    CHECK(static_cast<std::uint64_t>(status.st_blocks) * 512 <= 8 * mib + mib);
}

TEST_CASE("any size asked for gives a file system of about that size", "[runtime][workspace]") {
    state const in;
    auto store = store_of(in, "ext4");
    for (std::uint64_t const wanted : {std::uint64_t{1}, 5 * mib + 1, 64 * mib, 3 * 1024 * mib}) {
        auto const id = session_id::make();
        auto const made = store->create(id, owner, wanted);
        REQUIRE(made.has_value());
        auto const rounded = std::max((wanted + mib - 1) / mib * mib, 4 * mib);
        CHECK(made->size_bytes <= rounded);
        CHECK(made->size_bytes > rounded * 7 / 10);
        CHECK(*store->used_bytes(*made) < mib);
    }
}

TEST_CASE("a workspace that is still held is never mounted from a second device",
          "[runtime][workspace]") {
    state const in;
    auto store = store_of(in, "ext4");
    auto const id = session_id::make();
    auto const held = store->create(id, owner, 64 * mib);
    REQUIRE(held.has_value());
    write_file(*held, "before", "x");
    CHECK(store->unmount(id).has_value());
    CHECK(loops_below(in.path) == 1);
    auto const again = store->open(id, owner);
    REQUIRE(again.has_value());
    CHECK(loops_below(in.path) == 1);
    write_file(*held, "after", "x");
    CHECK(has_file(*again, "before"));
    CHECK(has_file(*again, "after"));
}

TEST_CASE("an image that was not unmounted in order is repaired before it is used",
          "[runtime][workspace]") {
    state const in;
    auto store = store_of(in, "ext4");
    auto const id = session_id::make();
    {
        auto const made = store->create(id, owner, 64 * mib);
        REQUIRE(made.has_value());
        write_file(*made, "kept", "x");
        sync();
        // What a lost host leaves: a copy of the image as it is while mounted.
        REQUIRE(copy_sparse(in.image(id), in.path + "/crashed").has_value());
    }
    CHECK_FALSE(is_clean_ext4(in.path + "/crashed"));
    REQUIRE(store->unmount(id).has_value());
    CHECK(no_loops_below(in.path));
    CHECK(is_clean_ext4(in.image(id)));
    REQUIRE(rename((in.path + "/crashed").c_str(), in.image(id).c_str()) == 0);
    auto const again = store->open(id, owner);
    REQUIRE(again.has_value());
    CHECK(has_file(*again, "kept"));
    CHECK(store->remove(id).has_value());
}

TEST_CASE("an unmount reaches the mount namespaces that were made from ours",
          "[runtime][workspace]") {
    state const in;
    auto store = store_of(in, "ext4");
    auto const id = session_id::make();
    REQUIRE(store->create(id, owner, 64 * mib).has_value());
    std::array<int, 2> ready{};
    std::array<int, 2> go{};
    REQUIRE((pipe2(ready.data(), 0) == 0 && pipe2(go.data(), 0) == 0));
    pid_t const child = fork();
    if (child == 0) {
        char byte = unshare(CLONE_NEWNS) == 0 &&
                            mount(nullptr, "/", nullptr, MS_SLAVE | MS_REC, nullptr) == 0
                        ? 'y'
                        : 'n';
        (void)!write(ready[1], &byte, 1);
        (void)!read(go[0], &byte, 1);
        _exit(0);
    }
    char byte = 0;
    REQUIRE(read(ready[0], &byte, 1) == 1);
    CHECK(byte == 'y');
    CHECK(store->remove(id).has_value());
    CHECK(no_loops_below(in.path));
    (void)!write(go[1], "x", 1);
    int status = 0;
    CHECK(waitpid(child, &status, 0) == child);
    for (int const fd : {ready[0], ready[1], go[0], go[1]}) {
        close(fd);
    }
}

TEST_CASE("a hostile tree of 20 000 levels does not outlive its session", "[runtime][workspace]") {
    auto const quota = GENERATE(std::string("ext4"), std::string("none"));
    CAPTURE(quota);
    state const in;
    // The directory kind on a file system in memory: this is about depth, not about a slow disk.
    if (quota == "none") {
        REQUIRE(mkdir((in.path + "/workspaces").c_str(), 0700) == 0);
        REQUIRE(mount("tmpfs", (in.path + "/workspaces").c_str(), "tmpfs", 0, "size=300m") == 0);
    }
    auto store = store_of(in, quota);
    auto const id = session_id::make();
    {
        auto made = store->create(id, owner, 256 * mib);
        REQUIRE(made.has_value());
        unique_fd level = std::move(made->data);
        for (int i = 0; i < 20'000 && level; ++i) {
            if (mkdirat(level.get(), "d", 0) != 0) {
                break;  // the limit on files is a limit on depth, too
            }
            level.reset(openat(level.get(), "d", O_PATH | O_CLOEXEC));
        }
    }
    CHECK(store->remove(id).has_value());
    CHECK(listed(*store).empty());
    store.reset();
    (void)unmount_all(in.path + "/workspaces");
}

TEST_CASE("half-made images of a broker that was killed are cleared away", "[runtime][workspace]") {
    state const in;
    { (void)store_of(in, "ext4"); }
    auto const half = in.path + "/workspaces/stock/" + make_random_id() + ".new";
    std::ofstream{half} << "x";
    { (void)store_of(in, "ext4"); }
    CHECK(access(half.c_str(), F_OK) != 0);
}

TEST_CASE("what is larger than its image is not taken for a workspace", "[runtime][workspace]") {
    state const in;
    auto store = store_of(in, "ext4");
    auto const id = session_id::make();
    CHECK(store->create(id, owner, 8 * mib).has_value());
    REQUIRE(store->unmount(id).has_value());
    auto const place = in.path + "/workspaces/mounts/" + id.str();
    REQUIRE(mkdir(place.c_str(), 0700) == 0);
    REQUIRE(mount("tmpfs", place.c_str(), "tmpfs", 0, "size=16m") == 0);
    CHECK(store->open(id, owner).has_error());
    REQUIRE(store->unmount(id).has_value());
    CHECK(store->open(id, owner).has_value());
}

TEST_CASE("a stock that a lost host tore is made anew", "[runtime][workspace]") {
    state const in;
    { (void)store_of(in, "ext4"); }
    std::ofstream{in.path + "/workspaces/stock/" + std::to_string(64 * mib) + ".img"} << "torn";
    auto store = store_of(in, "ext4");
    CHECK(store->create(session_id::make(), owner, 64 * mib).has_value());
}

TEST_CASE("what a session frees is free on the host's disk again", "[runtime][workspace]") {
    state const in;
    auto store = store_of(in, "ext4");
    auto const id = session_id::make();
    auto const made = store->create(id, owner, 64 * mib);
    REQUIRE(made.has_value());
    auto const on_disk = [&] {
        struct stat status {};
        unique_fd const image{open(in.image(id).c_str(), O_RDONLY | O_CLOEXEC)};
        unique_fd const data{openat(made->data.get(), ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC)};
        CHECK(syncfs(data.get()) == 0);
        CHECK((fdatasync(image.get()) == 0 && fstat(image.get(), &status) == 0));
        return static_cast<std::uint64_t>(status.st_blocks) * 512;
    };
    auto const empty = on_disk();
    write_file(*made, "big", std::string(32 * mib, 'x'));
    CHECK(on_disk() >= empty + 32 * mib);
    REQUIRE(unlinkat(made->data.get(), "big", 0) == 0);
    CHECK(on_disk() < empty + 8 * mib);
}

TEST_CASE("a full host disk refuses new workspaces in words and leaves nothing",
          "[runtime][workspace]") {
    state const in;
    auto wanted = in.settings();
    wanted.host_reserve_bytes = UINT64_MAX;
    auto store = make_loop_workspaces(wanted);
    auto const refused = (*store)->create(session_id::make(), owner, 64 * mib);
    REQUIRE(refused.has_error());
    CHECK(refused.error().code == errc::no_capacity);
    CHECK_FALSE((*store)->report().usable);
    // And one that fills up while an image is copied.
    auto const small = in.path + "/small";
    REQUIRE(mkdir(small.c_str(), 0700) == 0);
    REQUIRE(mount("tmpfs", small.c_str(), "tmpfs", 0, "size=64k") == 0);
    auto cramped = in.settings();
    cramped.directory = small + "/workspaces";
    cramped.host_reserve_bytes = 0;
    auto full = make_loop_workspaces(cramped);
    REQUIRE(full.has_value());
    CHECK((*full)->create(session_id::make(), owner, 64 * mib).has_error());
    CHECK(listed(**full).empty());
    CHECK(no_loops_below(small));
    (void)unmount_all(small);
}
