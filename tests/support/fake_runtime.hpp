// SPDX-License-Identifier: Apache-2.0
// Sandboxes and workspaces without containers and mounts, for the flows of the service.
// Never forgiving where the real ones are not: nothing is forgotten while something of it lives.
// Called on the pool; the test looks at them and ends sandboxes from its own thread.
#pragma once

#include "broker/runtime/container_runtime.hpp"
#include "broker/runtime/workspace_store.hpp"
#include "tests/support/temporary_directory.hpp"
#include "tests/support/verb_control.hpp"

#include <fcntl.h>
#include <sys/eventfd.h>

#include <atomic>
#include <csignal>
#include <map>
#include <mutex>
#include <set>

namespace test {

class fake_runtime final : public broker::container_runtime {
public:
    verb_control verbs;  // start, adopt, room to adopt, settle, end, forget, list
    bool usable = true;

    broker::runtime_report report() override {
        broker::runtime_report told{.name = "fake", .version = "1", .cgroups = "v2"};
        told.usable = usable;
        if (!usable) {
            told.problems.emplace_back("the runtime of this test is away");
        }
        return told;
    }

    broker::result<broker::running_sandbox> start(broker::sandbox_spec const& spec) override {
        if (!verbs.enter("start")) {
            return failed("start");
        }
        std::lock_guard const lock(mutex_);
        auto& made = alive_[spec.sandbox];
        made.session = spec.session;
        made.uid = spec.uid;
        last_argv_ = spec.kernel_argv;
        made.ended.reset(eventfd(0, EFD_CLOEXEC));
        return running(made);
    }

    broker::result<broker::running_sandbox> adopt(broker::session_id const& /*session*/,
                                                  broker::sandbox_id const& sandbox,
                                                  broker::limits const& /*own*/) override {
        if (!verbs.enter("adopt")) {
            return failed("adopt");
        }
        if (!verbs.enter("room to adopt")) {
            return broker::fail(broker::errc::no_capacity, "fake: no descriptors");
        }
        std::lock_guard const lock(mutex_);
        auto const found = alive_.find(sandbox);
        if (found == alive_.end()) {
            return failed("adopt");
        }
        return running(found->second);
    }

    broker::result<void> settle(broker::session_id const&, broker::sandbox_id const&,
                                broker::limits const&) override {
        return answer("settle");
    }
    broker::result<void> interrupt(broker::session_id const&, broker::sandbox_id const&) override {
        return {};
    }

    broker::result<broker::sandbox_end> end(broker::session_id const& /*session*/,
                                            broker::sandbox_id const& sandbox) override {
        if (!verbs.enter("end")) {
            return failed("end");
        }
        std::lock_guard const lock(mutex_);
        broker::sandbox_end told;
        if (auto const recorded = dead_.find(sandbox); recorded != dead_.end()) {
            told = recorded->second;
            dead_.erase(recorded);
        } else if (auto const found = alive_.find(sandbox); found != alive_.end()) {
            told.wait_status = SIGKILL;
            eventfd_write(found->second.ended.get(), 1);
            alive_.erase(found);
        }
        return told;
    }

    broker::result<void> forget_session(broker::session_id const& session) override {
        if (!verbs.enter("forget")) {
            return failed("forget");
        }
        std::lock_guard const lock(mutex_);
        for (auto const& [id, one] : alive_) {
            if (one.session == session) {
                return failed("forget");
            }
        }
        return {};
    }

    std::uint64_t memory_kills(broker::session_id const&, broker::sandbox_id const&) override {
        return killed_for_memory;
    }
    std::atomic<std::uint64_t> killed_for_memory = 0;
    broker::result<broker::sandbox_usage> usage(broker::session_id const&) override {
        return broker::sandbox_usage{};
    }

    broker::result<std::vector<broker::found_sandbox>> list() override {
        if (!verbs.enter("list")) {
            return failed("list");
        }
        std::lock_guard const lock(mutex_);
        std::vector<broker::found_sandbox> all;
        for (auto const& [id, one] : alive_) {
            all.push_back({one.session, id, true});
        }
        return all;
    }

    // For the test.

    /// Every sandbox ends, with that raw wait status.
    void die(int wait_status, std::uint64_t oom_kills = 0) {
        std::lock_guard const lock(mutex_);
        for (auto& [id, one] : alive_) {
            dead_[id] = {wait_status, oom_kills, 0};
            eventfd_write(one.ended.get(), 1);
        }
        alive_.clear();
    }
    std::size_t living() const {
        std::lock_guard const lock(mutex_);
        return alive_.size();
    }
    /// Of the kernel that was started last.
    std::vector<std::string> last_argv() const {
        std::lock_guard const lock(mutex_);
        return last_argv_;
    }

private:
    struct one_sandbox {
        broker::session_id session;
        uid_t uid = 0;
        broker::unique_fd ended;
    };

    static broker::failure failed(char const* verb) {
        return broker::fail(broker::errc::runtime_unavailable, std::string("fake: ") + verb);
    }
    broker::result<void> answer(char const* verb) {
        if (!verbs.enter(verb)) {
            return failed(verb);
        }
        return {};
    }
    static broker::running_sandbox running(one_sandbox const& of) {
        return {broker::unique_fd{::open("/", O_PATH | O_CLOEXEC)},
                broker::unique_fd{fcntl(of.ended.get(), F_DUPFD_CLOEXEC, 0)}, false, false};
    }

    mutable std::mutex mutex_;
    std::map<broker::sandbox_id, one_sandbox> alive_;
    std::vector<std::string> last_argv_;
    std::map<broker::sandbox_id, broker::sandbox_end> dead_;
};

class fake_workspaces final : public broker::workspace_store {
public:
    verb_control verbs;  // create, open, unmount, remove, list

    broker::workspace_report report() override { return {"none", true, {}, {}}; }

    broker::result<broker::workspace> create(broker::session_id const& session, uid_t,
                                             std::uint64_t) override {
        if (!verbs.enter("create")) {
            return failed("create");
        }
        std::lock_guard const lock(mutex_);
        if (!there_.insert(session).second) {
            return failed("created twice");
        }
        folder_.make(session.str());
        folder_.make(session.str() + "/data");
        folder_.make(session.str() + "/staging");
        return opened(session);
    }

    broker::result<broker::workspace> open(broker::session_id const& session, uid_t) override {
        if (!verbs.enter("open")) {
            return failed("open");
        }
        std::lock_guard const lock(mutex_);
        if (!there_.contains(session)) {
            return broker::fail(broker::errc::file_not_found, "fake: no workspace");
        }
        return opened(session);
    }

    broker::result<void> unmount(broker::session_id const& session) override {
        if (!verbs.enter("unmount")) {
            return failed("unmount");
        }
        std::lock_guard const lock(mutex_);
        mounted_.erase(session);
        return {};
    }

    broker::result<void> remove(broker::session_id const& session) override {
        if (!verbs.enter("remove")) {
            return failed("remove");
        }
        std::lock_guard const lock(mutex_);
        mounted_.erase(session);
        if (there_.erase(session) > 0) {
            broker::unique_fd const top{::openat(folder_.fd(), session.str().c_str(), O_RDONLY)};
            (void)broker::beneath::remove_tree_contents(top.get());
            rmdir((folder_ / session.str()).c_str());
        }
        return {};
    }

    broker::result<std::uint64_t> used_bytes(broker::workspace const&) override { return 0U; }

    broker::result<std::vector<broker::found_workspace>> list() override {
        if (!verbs.enter("list")) {
            return failed("list");
        }
        std::lock_guard const lock(mutex_);
        std::vector<broker::found_workspace> all;
        for (auto const& id : there_) {
            all.push_back({id, mounted_.contains(id)});
        }
        return all;
    }

    broker::result<void> refill() override { return {}; }

    // For the test.

    std::size_t count() const {
        std::lock_guard const lock(mutex_);
        return there_.size();
    }
    std::size_t mounted() const {
        std::lock_guard const lock(mutex_);
        return mounted_.size();
    }
    /// As an operator's mistake would: all files are gone.
    void lose_all() {
        std::lock_guard const lock(mutex_);
        (void)broker::beneath::remove_tree_contents(folder_.fd());
        there_.clear();
        mounted_.clear();
    }

private:
    static broker::failure failed(char const* verb) {
        return broker::fail(broker::errc::internal, std::string("fake: ") + verb);
    }
    broker::workspace opened(broker::session_id const& session) {
        mounted_.insert(session);
        auto const at = folder_ / session.str();
        broker::workspace made;
        made.mount = at + "/data";
        made.owner = getuid();
        made.data.reset(::open((at + "/data").c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
        made.staging.reset(::open((at + "/staging").c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
        return made;
    }

    mutable std::mutex mutex_;
    temporary_directory folder_;
    std::set<broker::session_id> there_;
    std::set<broker::session_id> mounted_;
};

}  // namespace test
