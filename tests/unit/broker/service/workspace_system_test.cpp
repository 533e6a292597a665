// SPDX-License-Identifier: Apache-2.0
// Needs root and loop devices: the file calls on the file system that sessions really have.
#include "broker/base/beneath.hpp"
#include "broker/runtime/mount_point.hpp"
#include "broker/service/file_hashing.hpp"
#include "broker/service/workspace_files.hpp"
#include "broker/service/workspace_upload.hpp"
#include "tests/support/catch.hpp"

#include <fcntl.h>
#include <sys/stat.h>

#include <memory>
#include <utility>

using namespace broker;

namespace {

constexpr uid_t owner = 234'568;
constexpr std::uint64_t mib = 1U << 20;

struct mounted {
    std::string path = "/var/tmp/kernel-broker-test-XXXXXX";
    std::unique_ptr<workspace_store> store;
    session_id id = session_id::make();
    std::shared_ptr<workspace> in = std::make_shared<workspace>();

    explicit mounted(std::uint64_t bytes) {
        REQUIRE(mkdtemp(path.data()) != nullptr);
        auto made = make_loop_workspaces({.directory = path + "/workspaces"});
        REQUIRE(made.has_value());
        store = std::move(*made);
        auto opened = store->create(id, owner, bytes);
        REQUIRE(opened.has_value());
        *in = std::move(*opened);
    }
    mounted(mounted const&) = delete;
    mounted& operator=(mounted const&) = delete;
    ~mounted() {
        *in = workspace{};
        (void)store->remove(id);
        (void)unmount_all(path + "/workspaces/mounts");
        unique_fd const top{open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC)};
        (void)beneath::remove_tree_contents(top.get());
        rmdir(path.c_str());
    }

    /// As the session's own code would: the file is its own.
    unique_fd make_file(char const* name) const {
        unique_fd file{openat(in->data.get(), name, O_RDWR | O_CREAT | O_CLOEXEC, 0600)};
        REQUIRE(fchown(file.get(), owner, owner) == 0);
        return file;
    }
};

result<stored_file> put(mounted const& w, std::string const& name, std::size_t bytes) {
    auto upload = workspace_upload::begin(w.in, *workspace_path::from_text(name), {});
    REQUIRE(upload.has_value());
    std::string const piece(mib, 'x');
    for (std::size_t done = 0; done < bytes; done += piece.size()) {
        if (auto const written = upload->write(piece); !written) {
            return written.error();
        }
    }
    return upload->commit();
}

}  // namespace

TEST_CASE("of 10 000 quick rewrites of the same size none is missed", "[service][files]") {
    mounted const w{64 * mib};
    auto const file = w.make_file("file");
    hash_cache hashes;
    auto before = take_snapshot(*w.in, nullptr, hashes);
    REQUIRE(before.has_value());
    int missed = 0;
    int invented = 0;
    for (int i = 0; i < 10'000; ++i) {
        auto const text = std::to_string(1'000'000 + i);
        REQUIRE(pwrite(file.get(), text.data(), text.size(), 0) == 7);
        if (is_still(*w.in, *before)) {
            ++missed;
        }
        auto after = take_snapshot(*w.in, &*before, hashes);
        missed += diff(*before, *after).size() == 1 ? 0 : 1;
        auto again = take_snapshot(*w.in, &*after, hashes);
        invented += diff(*after, *again).empty() ? 0 : 1;
        before = std::move(again);
    }
    CHECK(missed == 0);
    CHECK(invented == 0);
}

TEST_CASE("a full workspace refuses an upload, keeps the old file and goes on",
          "[service][files]") {
    mounted const w{16 * mib};
    REQUIRE(put(w, "file", mib).has_value());
    auto const full = put(w, "file", 64 * mib);
    REQUIRE(full.has_error());
    CHECK(full.error().code == errc::workspace_full);
    hash_cache hashes;
    auto const kept = open_file(*w.in, *workspace_path::from_text("file"), hashes);
    REQUIRE(kept.has_value());
    CHECK(kept->info.size_bytes == mib);
    CHECK(put(w, "second/file", mib).has_value());
    CHECK(*w.store->used_bytes(*w.in) < 4 * mib);
}

TEST_CASE("uploads belong to the session, from their folders on", "[service][files]") {
    mounted const w{16 * mib};
    REQUIRE(put(w, "a/b/file", 1).has_value());
    for (auto const* name : {"a", "a/b", "a/b/file"}) {
        struct stat status {};
        REQUIRE(fstatat(w.in->data.get(), name, &status, AT_SYMLINK_NOFOLLOW) == 0);
        CHECK(status.st_uid == owner);
        CHECK(status.st_gid == owner);
    }
}

TEST_CASE("a file of root in a workspace is nobody's to fetch", "[service][files]") {
    mounted const w{16 * mib};
    unique_fd const file{openat(w.in->data.get(), "roots", O_RDWR | O_CREAT | O_CLOEXEC, 0644)};
    REQUIRE(file);
    hash_cache hashes;
    CHECK(open_file(*w.in, *workspace_path::from_text("roots"), hashes).error().code ==
          errc::file_not_found);
    CHECK(list_files(*w.in, {}, hashes)->files.empty());
}
