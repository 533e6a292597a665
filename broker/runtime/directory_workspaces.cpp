// SPDX-License-Identifier: Apache-2.0
// `<id>.dir` is a workspace on the host's own file system, without a limit on its size: for hosts
// without loop devices, where the operator has chosen so. Never used in place of a limited one.
// No state but what lies on the disk; any thread.
#include "broker/base/beneath_walk.hpp"
#include "broker/runtime/workspace_parts.hpp"
#include "broker/runtime/workspace_store.hpp"

#include <fcntl.h>

#include <cerrno>
#include <cstdio>
#include <utility>

namespace broker {
namespace {

class directory_workspaces final : public workspace_store {
public:
    explicit directory_workspaces(workspace_settings settings) : settings_(std::move(settings)) {}

    workspace_report report() override {
        workspace_report told;
        told.quota = "none";
        auto const id = session_id::make();
        auto made = create(id, 0, 0);
        told.usable = made.has_value();
        if (!made) {
            told.problems.push_back(made.error().detail);
        }
        made = fail(errc::internal, "");
        (void)remove(id);
        told.warnings.emplace_back(
            "workspace_quota is \"none\": one session can fill the disk of the host");
        return told;
    }

    result<workspace> create(session_id const& session, uid_t owner,
                             std::uint64_t /*disk_bytes*/) override {
        if (!is_random_id(session.str())) {
            return fail(errc::internal, "not the id of a session");
        }
        if (exists(place(session))) {
            return fail(errc::internal, "the session has a workspace already");
        }
        auto ready = check_host_space(settings_.directory, settings_.host_reserve_bytes);
        ready = ready ? make_private_directory(place(session)) : ready;
        if (!ready) {
            return ready.error();
        }
        auto opened = open_parts(place(session), owner);
        if (!opened) {
            (void)remove(session);
        }
        return opened;
    }

    result<workspace> open(session_id const& session, uid_t owner) override {
        if (!is_random_id(session.str()) || !exists(place(session))) {
            return fail(errc::file_not_found, "the session has no workspace");
        }
        return open_parts(place(session), owner);
    }

    result<void> unmount(session_id const& /*session*/) override { return {}; }

    result<void> remove(session_id const& session) override {
        if (!is_random_id(session.str())) {
            return fail(errc::internal, "not the id of a session");
        }
        // Out of reach first: nobody is given a workspace that is half gone.
        if (rename(place(session).c_str(), going(session).c_str()) != 0 && errno != ENOENT) {
            return host_failure("removing a workspace", errno);
        }
        return remove_directory(going(session));
    }

    result<std::uint64_t> used_bytes(workspace const& of) override {
        std::uint64_t blocks = 0;
        beneath::walk_range const everything{.prefix = {}, .after = {}, .depth = 256};
        auto const walked =
            beneath::walk_files(of.data.get(), everything, [&](beneath::walked_file const& file) {
                blocks += static_cast<std::uint64_t>(file.status.st_blocks);
                return true;
            });
        if (!walked) {
            return host_failure("measuring a workspace", walked.error().value());
        }
        return blocks * 512;
    }

    result<std::vector<found_workspace>> list() override {
        std::vector<found_workspace> found;
        for (auto const* suffix : {".dir", ".going"}) {
            for (auto& session : sessions_in(settings_.directory, suffix)) {
                found.push_back({std::move(session), false});
            }
        }
        return found;
    }

    result<void> refill() override { return {}; }

private:
    std::string place(session_id const& session) const {
        return settings_.directory + "/" + session.str() + ".dir";
    }
    std::string going(session_id const& session) const {
        return settings_.directory + "/" + session.str() + ".going";
    }

    workspace_settings settings_;
};

}  // namespace

result<std::unique_ptr<workspace_store>> make_directory_workspaces(workspace_settings settings) {
    if (auto const made = make_private_directory(settings.directory); !made) {
        return made.error();
    }
    return std::unique_ptr<workspace_store>{
        std::make_unique<directory_workspaces>(std::move(settings))};
}

}  // namespace broker
