// SPDX-License-Identifier: Apache-2.0
// Rows first, then sandboxes, then what has no row. Every step may be cut off by the next crash:
// each is idempotent and the rows go last. On the loop; the runtime's calls are made on the pool.
#include "broker/service/reconciliation.hpp"

#include "broker/base/descriptors.hpp"
#include "broker/base/host.hpp"
#include "broker/core/admission.hpp"
#include "broker/core/verdict.hpp"
#include "broker/service/execution_run.hpp"
#include "broker/service/revival.hpp"
#include "kernelproto/client/errc.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <unordered_set>
#include <utility>

namespace broker {
namespace {

/// A kernel that runs nothing answers in milliseconds.
constexpr std::chrono::seconds idle_adoption_limit{20};

constexpr std::string_view boot_note = "boot_id";

/// How a kernel ended that was found dead.
state_reason loss_of(sandbox_end const& end, bool host_restarted) {
    if (host_restarted) {
        return state_reason::host_restart;
    }
    execution_facts facts;
    facts.cause = end_cause::kernel_died;
    facts.sandbox = sandbox_evidence{end.wait_status, end.oom_kills, end.pids_denied};
    return judge(facts).next_reason.value_or(state_reason::runtime_lost);
}

std::set<sandbox_id> living(std::vector<found_sandbox> const& all) {
    std::set<sandbox_id> alive;
    for (auto const& one : all) {
        if (one.alive) {
            alive.insert(one.sandbox);
        }
    }
    return alive;
}

/// The descriptors of so many kernels, and what is opened for a moment.
result<void> can_hold(std::uint64_t kernels, std::uint64_t free) {
    auto const wanted = kernels * descriptors_of_a_session + descriptor_reserve;
    if (free >= wanted) {
        return {};
    }
    return fail(errc::no_capacity,
                fmt::format("{} kernels live on from the last run, which takes {} descriptors, and "
                            "this process may open {} more: start it with a higher limit of open "
                            "files (ulimit -Hn, LimitNOFILE= in the unit)",
                            kernels, wanted, free));
}

}  // namespace

task<result<void>> reconciliation::run() {
    if (!seen_) {
        auto seen = co_await look();
        if (!seen) {
            co_return seen.error();
        }
        seen_ = std::move(*seen);
        settled_ = 0;
        restore_sessions(*seen_);
    }
    if (auto const settled = co_await settle_sandboxes(*seen_); !settled) {
        co_return settled;
    }
    co_await finish_executions();
    co_await resume_deletions();
    co_await remove_strangers(*seen_);
    co_await remove_files_of_nobody();
    queue_again();
    // Last: a start that is cut off leaves the next one to know it too.
    (void)context_.store.set_note(boot_note, boot_id());
    context_.log.info("reconciled", {{"sessions", seen_->sessions.size()}});
    seen_.reset();
    by_id_.clear();
    unfinished_.clear();
    co_return result<void>{};
}

task<result<reconciliation::inventory>> reconciliation::look() {
    auto sessions = context_.store.sessions();
    if (!sessions) {
        co_return sessions.error();
    }
    auto sandboxes = context_.store.sandboxes();
    if (!sandboxes) {
        co_return sandboxes.error();
    }
    auto unfinished = context_.store.unfinished_executions();
    if (!unfinished) {
        co_return unfinished.error();
    }
    auto const before = context_.store.note(boot_note);
    if (!before) {
        co_return before.error();
    }
    auto [on_host, workspaces, room] = co_await offload(
        context_.pool, [&runtime = context_.runtime, &store = context_.workspaces] {
            auto const before = free_descriptors();
            auto sandboxes_there = runtime.list();
            auto files_there = store.list();
            return std::tuple(std::move(sandboxes_there), std::move(files_there),
                              std::min(before, free_descriptors()));
        });
    if (!on_host) {
        co_return on_host.error();
    }
    if (!workspaces) {
        co_return workspaces.error();
    }
    auto alive = living(*on_host);
    // Also where nothing lives: without descriptors, what is there looks as if it were not.
    if (auto const enough = can_hold(alive.size(), room); !enough) {
        co_return enough.error();
    }
    // The living first: nothing is ended before all of them are taken up.
    std::stable_partition(sandboxes->begin(), sandboxes->end(),
                          [&](sandbox_row const& row) { return alive.contains(row.id); });
    co_return inventory{std::move(*sessions),
                        std::move(*sandboxes),
                        std::move(*unfinished),
                        std::move(*on_host),
                        std::move(alive),
                        std::move(*workspaces),
                        *before && **before != boot_id()};
}

void reconciliation::restore_sessions(inventory const& all) {
    for (auto const& row : all.sessions) {
        by_id_.emplace(row.id, sessions_.restore(row));
    }
    for (auto const& row : all.unfinished) {
        unfinished_[row.session].push_back(row);
        auto const at = by_id_.find(row.session);
        if (row.stage == execution_stage::sent && at != by_id_.end()) {
            at->second->life.on_untold(row.language, row.began);
        }
    }
    for (auto const& one : all.workspaces) {
        // Of those that get no kernel, the reaper unmounts the files.
        if (auto const at = by_id_.find(one.session); at != by_id_.end()) {
            at->second->mounted = one.mounted;
        }
    }
}

task<result<void>> reconciliation::settle_sandboxes(inventory const& all) {
    for (; settled_ < all.sandboxes.size(); ++settled_) {
        auto const& row = all.sandboxes[settled_];
        auto const at = by_id_.find(row.session);
        auto const settled = co_await settle_one(row, at == by_id_.end() ? nullptr : at->second,
                                                 all.alive.contains(row.id), all.host_restarted);
        if (!settled) {
            co_return settled;
        }
    }
    co_return result<void>{};
}

/// Executions of sessions whose kernel is gone, or that had none, and those that were not sent.
task<> reconciliation::finish_executions() {
    auto const left = std::exchange(unfinished_, {});
    for (auto const& [id, rows] : left) {
        auto const at = by_id_.find(id);
        if (at == by_id_.end()) {
            continue;
        }
        auto const where = at->second;
        for (auto const& row : rows) {
            auto const what = co_await revive(context_, where, row);
            // A host that fails may forget that a row was sent (`session_store`).
            if (row.code && !seen_->host_restarted && !what->log->has_ended() &&
                where->row.closing == close_kind::none) {
                waiting_.push_back({where, what});
            } else {
                co_await runner_.finish_foreign(where, what);
            }
        }
    }
}

/// When nothing is removed any more: a kernel may be started for them at once.
void reconciliation::queue_again() {
    for (auto const& [where, what] : std::exchange(waiting_, {})) {
        runner_.take_up(where, what);
    }
}

task<> reconciliation::remove_files_of_nobody() {
    auto const known = context_.store.executions_with_files(nullptr);
    if (!known) {
        co_return;
    }
    std::unordered_set<execution_id> ids(known->begin(), known->end());
    (void)co_await offload(context_.pool, [&files = context_.files, ids = std::move(ids)] {
        return files.keep_only(ids).has_value();
    });
}

task<> reconciliation::resume_deletions() {
    auto const all = by_id_;
    for (auto const& [id, one] : all) {
        if (one->row.closing != close_kind::none) {
            context_.log.info("deletion_resumed", {{"session", id.str()}});
            co_await sessions_.close(one, one->row.closing);
        }
    }
}

task<result<void>> reconciliation::settle_one(sandbox_row row, std::shared_ptr<session> where,
                                              bool alive, bool host_restarted) {
    // Of another generation: half started, its kernel was nobody's yet.
    bool const had_variables = where && where->row.closing == close_kind::none &&
                               row.generation == where->life.record().generation(row.language);
    std::optional<state_reason> why;
    if (had_variables && alive && row.stage != sandbox_stage::ending) {
        auto const tried = co_await adopt(row, where);
        if (!tried) {
            co_return tried.error();
        }
        why = *tried;
        if (!why) {
            co_return result<void>{};
        }
    }
    auto const end =
        co_await offload(context_.pool, [&runtime = context_.runtime, session = row.session,
                                         id = row.id] { return runtime.end(session, id); });
    if (where) {
        where->mounted = true;  // and its control group may be there, which goes with the mount
    }
    if (!end) {
        context_.log.error("sandbox_not_removed",
                           {{"sandbox", row.id.str()}, {"err", end.error().detail}});
        co_return result<void>{};
    }
    if (had_variables) {
        auto const told = why.value_or(loss_of(*end, host_restarted));
        where->life.on_kernel_gone(row.language, told);
        (void)context_.store.update_session(where->stored());
        context_.log.info("kernel_lost", {{"session", where->row.id.str()},
                                          {"language", row.language},
                                          {"reason", to_string(told)}});
    } else {
        context_.log.info("half_started_sandbox_removed", {{"sandbox", row.id.str()}});
    }
    (void)context_.store.forget_sandbox(row.id);
    co_return result<void>{};
}

task<result<std::optional<state_reason>>> reconciliation::adopt(sandbox_row row,
                                                                std::shared_ptr<session> where) {
    auto const opened = co_await runner_.reopen_workspace(where);
    auto kernel = opened ? co_await live_kernel::adopt(context_, where->row, row)
                         : result<std::shared_ptr<live_kernel>>(opened.error());
    // What cannot be opened is not gone: looked at after the failure, as one that is short of
    // descriptors fails in many words.
    bool const short_of_room = !kernel && (kernel.error().code == errc::no_capacity ||
                                           free_descriptors() < descriptor_reserve / 2);
    if (short_of_room) {
        co_return fail(errc::no_capacity,
                       fmt::format("the kernel of session {} lives and cannot be taken up yet: {}",
                                   where->row.id.str(), kernel.error().detail));
    }
    if (!kernel) {
        context_.log.warning("kernel_not_adopted",
                             {{"session", where->row.id.str()}, {"err", kernel.error().detail}});
        co_return state_reason::runtime_lost;
    }
    auto const& slot = where->slot(row.language);
    slot->kernel = *kernel;
    ++where->adopting;
    std::vector<execution_row> sent;
    auto& left = unfinished_[row.session];
    for (auto& one : std::exchange(left, {})) {
        bool const there = one.stage == execution_stage::sent && one.language == row.language;
        (there ? sent : left).push_back(std::move(one));
    }
    where->life.on_adopted(row.language, !sent.empty());
    std::vector<std::shared_ptr<pending_execution>> followed;
    for (auto const& one : sent) {
        followed.push_back(co_await revive(context_, where, one));
        runner_.take_up(where, followed.back());
    }
    context_.tasks.spawn(hear_out(where, slot, std::move(followed)));
    co_return std::nullopt;
}

/// Of a kernel that runs nothing. Why the variables are gone, if they are; then it is gone too.
task<std::optional<state_reason>> reconciliation::greet(std::shared_ptr<live_kernel> kernel) {
    auto until = context_.clock().steady + idle_adoption_limit;
    auto heard = co_await kernel->connection().adopt(until);
    while (!heard && kernel->link_wants_resources() && co_await kernel->connect_again()) {
        // Nobody could hear it: an answer gets the time that it would have had.
        until = std::max(until, context_.clock().steady + idle_adoption_limit);
        heard = co_await kernel->connection().adopt(until);
    }
    if (heard) {
        co_return std::nullopt;
    }
    bool const died = heard.error() == kernelproto::client_errc::kernel_died ||
                      (kernel->link_wants_resources() && kernel->is_ending());
    co_await kernel->end();
    auto facts = facts_of_idle_end(*kernel);
    facts.cause = died ? end_cause::kernel_died : end_cause::unreachable;
    co_return judge(facts).next_reason.value_or(state_reason::runtime_lost);
}

task<> reconciliation::hear_out(std::shared_ptr<session> where, std::shared_ptr<kernel_slot> slot,
                                std::vector<std::shared_ptr<pending_execution>> sent) {
    for (auto const& what : sent) {
        if (slot->kernel) {
            co_await runner_.follow(where, what);
        } else {
            co_await runner_.finish_foreign(where, what);
        }
    }
    if (sent.empty()) {
        auto const gone = co_await greet(slot->kernel);
        if (gone) {
            slot->kernel.reset();
        }
        if (gone && !where->closing) {
            where->life.on_kernel_gone(slot->language, *gone);
            (void)context_.store.update_session(where->stored());
        }
    }
    context_.log.info("kernel_adopted", {{"session", where->row.id.str()},
                                         {"language", slot->language},
                                         {"busy", !sent.empty()},
                                         {"kept", slot->kernel != nullptr}});
    --where->adopting;
    where->rest();
    if (slot->kernel) {
        runner_.watch_kernel(where, slot);
    }
    runner_.wake(where);
}

task<> reconciliation::remove_strangers(inventory const& all) {
    std::set<sandbox_id> known;
    for (auto const& row : all.sandboxes) {
        known.insert(row.id);
    }
    std::set<session_id> emptied;
    for (auto const& one : all.on_host) {
        if (!known.contains(one.sandbox)) {
            context_.log.warning("sandbox_without_row", {{"sandbox", one.sandbox.str()}});
            (void)co_await offload(context_.pool, [&runtime = context_.runtime, one] {
                return runtime.end(one.session, one.sandbox).has_value();
            });
            emptied.insert(one.session);
        }
    }
    for (auto const& one : all.workspaces) {
        if (!by_id_.contains(one.session)) {
            context_.log.warning("workspace_without_row", {{"session", one.session.str()}});
            (void)co_await offload(context_.pool, [&store = context_.workspaces, id = one.session] {
                return store.remove(id).has_value();
            });
            emptied.insert(one.session);
        }
    }
    for (auto const& id : emptied) {
        if (auto const at = by_id_.find(id); at == by_id_.end() || !at->second->has_kernel()) {
            (void)co_await offload(context_.pool, [&runtime = context_.runtime, id] {
                return runtime.forget_session(id).has_value();
            });
        }
    }
}

}  // namespace broker
