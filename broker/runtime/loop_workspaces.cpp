// SPDX-License-Identifier: Apache-2.0
// `<id>.img` is a workspace, `mounts/<id>` where it is mounted, `stock/<bytes>.img` an empty file
// system that new ones are copied from (its few data blocks only). A workspace exists when its
// image has its name, which it gets whole and at once. No state but what lies on the disk; any
// thread.
#include "broker/runtime/ext4_image.hpp"
#include "broker/runtime/loop_device.hpp"
#include "broker/runtime/mount_point.hpp"
#include "broker/runtime/workspace_parts.hpp"
#include "broker/runtime/workspace_store.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <sys/statvfs.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <cstdio>
#include <utility>

namespace broker {
namespace {

constexpr char const* way_out =
    "or set workspace_quota = \"none\" (no limit on the disk space of a session)";

failure mount_failure(boost::system::error_code error) {
    switch (error.value()) {
        case EPERM:
        case EACCES:
            return fail(errc::runtime_unavailable,
                        fmt::format("mounting is not allowed here: run the broker as root with "
                                    "CAP_SYS_ADMIN, {}",
                                    way_out));
        case ENOENT:
        case ENXIO:
        case ENODEV:
            return fail(errc::runtime_unavailable,
                        fmt::format("this host has no loop devices or no ext4: load them with "
                                    "'modprobe loop ext4' (in a container, pass /dev/loop-control "
                                    "and the loop devices in), {}",
                                    way_out));
        case EBUSY:
        case ENOSPC:
            return fail(errc::no_capacity, "no loop device of the host is free");
        default:
            return host_failure("mounting a workspace", error.value());
    }
}

class loop_workspaces final : public workspace_store {
public:
    explicit loop_workspaces(workspace_settings settings) : settings_(std::move(settings)) {}

    result<void> prepare() {
        for (auto const& path : {settings_.directory, mounts(), stock()}) {
            if (auto made = make_private_directory(path); !made) {
                return made;
            }
        }
        // Half-made images of a broker that was killed; and the stock, which is not synced when it
        // is made: after the loss of a host it may be torn, and to make it anew takes milliseconds.
        for (auto const& old : entries_of(stock(), "")) {
            unlink((stock() + "/" + old).c_str());
        }
        return {};
    }

    workspace_report report() override {
        workspace_report told;
        told.quota = "ext4";
        told.usable = works_;
        if (!works_) {
            auto const tried = try_out();
            works_ = told.usable = tried.has_value();
            if (!tried) {
                told.problems.push_back(tried.error().detail);
            }
        }
        if (auto const space = check_host_space(settings_.directory, settings_.host_reserve_bytes);
            !space) {
            told.warnings.push_back(space.error().detail);
        }
        return told;
    }

    result<workspace> create(session_id const& session, uid_t owner,
                             std::uint64_t disk_bytes) override {
        if (!is_random_id(session.str())) {
            return fail(errc::internal, "not the id of a session");
        }
        if (auto space = check_host_space(settings_.directory, settings_.host_reserve_bytes);
            !space) {
            return space.error();
        }
        if (auto made = make_image(image(session), disk_bytes); !made) {
            return made.error();
        }
        auto opened = mount_and_open(session, owner);
        if (!opened) {
            (void)remove(session);
        }
        return opened;
    }

    result<workspace> open(session_id const& session, uid_t owner) override {
        if (!is_random_id(session.str()) || !exists(image(session))) {
            return fail(errc::file_not_found, "the session has no workspace");
        }
        bool const was_mounted = is_mount_point(place(session));
        auto opened = mount_and_open(session, owner);
        if (!opened && !was_mounted) {
            (void)unmount(session);
        }
        return opened;
    }

    result<void> unmount(session_id const& session) override {
        if (!is_random_id(session.str())) {
            return fail(errc::internal, "not the id of a session");
        }
        if (auto const done = unmount_all(place(session)); !done) {
            return fail(errc::internal, "unmounting a workspace: " + done.error().message());
        }
        if (rmdir(place(session).c_str()) != 0 && errno != ENOENT) {
            return host_failure("unmounting a workspace", errno);
        }
        return {};
    }

    result<void> remove(session_id const& session) override {
        if (auto done = unmount(session); !done) {
            return done;
        }
        if (unlink(image(session).c_str()) != 0 && errno != ENOENT) {
            return host_failure("removing a workspace", errno);
        }
        return {};
    }

    result<std::uint64_t> used_bytes(workspace const& of) override {
        struct statvfs space {};
        if (fstatvfs(of.data.get(), &space) != 0) {
            return host_failure("measuring a workspace", errno);
        }
        return std::uint64_t{space.f_blocks - space.f_bfree} * space.f_frsize;
    }

    result<std::vector<found_workspace>> list() override {
        auto sessions = sessions_in(settings_.directory, ".img");
        auto const mounted = sessions_in(mounts(), "");
        sessions.insert(sessions.end(), mounted.begin(), mounted.end());
        std::sort(sessions.begin(), sessions.end());
        sessions.erase(std::unique(sessions.begin(), sessions.end()), sessions.end());
        std::vector<found_workspace> found;
        for (auto& session : sessions) {
            bool const is_mounted = is_mount_point(place(session));
            found.push_back({std::move(session), is_mounted});
        }
        return found;
    }

    result<void> refill() override {
        bool const ready = settings_.stock_count == 0 || exists(stocked(settings_.stock_bytes));
        return ready ? result<void>{} : make_stock(settings_.stock_bytes);
    }

private:
    std::string mounts() const { return settings_.directory + "/mounts"; }
    std::string stock() const { return settings_.directory + "/stock"; }
    std::string image(session_id const& session) const {
        return settings_.directory + "/" + session.str() + ".img";
    }
    std::string place(session_id const& session) const { return mounts() + "/" + session.str(); }
    std::string half_made(std::string const& id) const { return stock() + "/" + id + ".new"; }
    std::string stocked(std::uint64_t bytes) const {
        return fmt::format("{}/{}.img", stock(), ext4_image_bytes(bytes));
    }

    /// Formats a file system and gives it its name in the stock. Two at once do the same twice.
    result<void> make_stock(std::uint64_t bytes) {
        auto const half = half_made(make_random_id());
        auto made = make_ext4_image(half, bytes);
        if (made && rename(half.c_str(), stocked(bytes).c_str()) != 0) {
            made = host_failure("keeping a stock of workspaces", errno);
        }
        return made;
    }

    /// Copies from the stock; sizes that find no place in it are formatted straight away.
    result<void> make_image(std::string const& path, std::uint64_t bytes) {
        auto const half = half_made(make_random_id());
        bool ready = exists(stocked(bytes));
        if (!ready && entries_of(stock(), ".img").size() < settings_.stock_count) {
            ready = make_stock(bytes).has_value();
        }
        auto made = ready ? copy_sparse(stocked(bytes), half) : make_ext4_image(half, bytes);
        if (made && renameat2(AT_FDCWD, half.c_str(), AT_FDCWD, path.c_str(), RENAME_NOREPLACE)) {
            made = errno == EEXIST ? fail(errc::internal, "the session has a workspace already")
                                   : host_failure("making a workspace", errno);
            unlink(half.c_str());
        }
        return made;
    }

    result<void> mount_image(std::string const& path, std::string const& at) {
        // Not before it is needed: without the right to mount, everything else still answers.
        if (auto const shared = make_shared_mount(mounts()); !shared) {
            return mount_failure(shared.error());
        }
        if (auto made = make_private_directory(at); !made) {
            return made;
        }
        unique_fd const file{::open(path.c_str(), O_RDWR | O_CLOEXEC | O_NOFOLLOW)};
        if (!file) {
            return host_failure("opening a workspace", errno);
        }
        auto device = attach_loop(file.get());
        if (device && !device->was_there && !is_clean_ext4(path)) {
            // The host went down while it was mounted. Repaired as a file: no device may show it.
            device->hold.reset();
            if (auto repaired = repair_ext4(path); !repaired) {
                return repaired;
            }
            device = attach_loop(file.get());
        }
        if (!device) {
            return mount_failure(device.error());
        }
        if (auto const mounted = mount_ext4(device->path, at); !mounted) {
            return mount_failure(mounted.error());
        }
        return {};
    }

    result<workspace> mount_and_open(session_id const& session, uid_t owner) {
        if (!is_mount_point(place(session))) {
            if (auto mounted = mount_image(image(session), place(session)); !mounted) {
                return mounted.error();
            }
        }
        auto opened = open_parts(place(session), owner);
        struct statvfs space {};
        struct stat file {};
        if (!opened) {
            return opened;
        }
        if (fstatvfs(opened->data.get(), &space) != 0 || stat(image(session).c_str(), &file) != 0) {
            return host_failure("measuring a workspace", errno);
        }
        opened->size_bytes = std::uint64_t{space.f_blocks} * space.f_frsize;
        if (opened->size_bytes > static_cast<std::uint64_t>(file.st_size)) {
            return fail(errc::internal, "a workspace is larger than its image: it is another");
        }
        return opened;
    }

    /// The whole way once, with a small one that nobody sees.
    result<void> try_out() {
        auto const id = session_id::make();
        auto made = create(id, 0, 0);
        if (!made) {
            return made.error();
        }
        *made = workspace{};
        return remove(id);
    }

    workspace_settings settings_;
    std::atomic<bool> works_ = false;
};

}  // namespace

result<std::unique_ptr<workspace_store>> make_loop_workspaces(workspace_settings settings) {
    auto made = std::make_unique<loop_workspaces>(std::move(settings));
    if (auto const prepared = made->prepare(); !prepared) {
        return prepared.error();
    }
    return std::unique_ptr<workspace_store>{std::move(made)};
}

}  // namespace broker
