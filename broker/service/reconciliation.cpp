// SPDX-License-Identifier: Apache-2.0
// Rows first, then sandboxes, then what has no row. Every step may be cut off by the next crash:
// each is idempotent and the rows go last. On the loop; the runtime's calls are made on the pool.
#include "broker/service/reconciliation.hpp"

#include "broker/base/host.hpp"
#include "broker/core/verdict.hpp"
#include "broker/service/execution_run.hpp"

#include <boost/asio/steady_timer.hpp>

#include <algorithm>
#include <set>
#include <utility>

namespace broker {
namespace {

constexpr std::chrono::seconds idle_adoption_limit{20};

}  // namespace

task<> reconciliation::run() {
    auto const now = boot_id();
    auto const before = context_.store.note("boot_id");
    host_restarted_ = before && *before && **before != now;
    (void)context_.store.set_note("boot_id", now);

    co_await load_sessions();
    co_await settle_sandboxes();
    co_await remove_strangers();
    context_.log.info("reconciled", {{"sessions", by_id_.size()}});
}

task<> reconciliation::load_sessions() {
    if (auto const unfinished = context_.store.unfinished_executions()) {
        for (auto const& row : *unfinished) {
            unfinished_[row.session].push_back(row);
        }
    }
    auto const rows = context_.store.sessions();
    if (!rows) {
        context_.log.error("sessions_not_read", {{"err", rows.error().detail}});
        co_return;
    }
    for (auto const& row : *rows) {
        by_id_.emplace(row.id, sessions_.restore(row));
    }
}

task<> reconciliation::settle_sandboxes() {
    auto const found =
        co_await offload(context_.pool, [&runtime = context_.runtime] { return runtime.list(); });
    std::set<std::string> alive;
    if (found) {
        for (auto const& one : *found) {
            if (one.alive) {
                alive.insert(one.sandbox.str());
            }
        }
    } else {
        context_.log.error("sandboxes_not_listed", {{"err", found.error().detail}});
    }
    auto const rows = context_.store.sandboxes();
    if (!rows) {
        co_return;
    }
    for (auto const& row : *rows) {
        auto const at = by_id_.find(row.session);
        co_await settle_one(row, at == by_id_.end() ? nullptr : at->second,
                            alive.contains(row.id.str()));
    }
    // Executions of sessions whose kernel is gone, or that had none.
    for (auto& [id, rows_left] : unfinished_) {
        if (auto const at = by_id_.find(id); at != by_id_.end()) {
            for (auto& row : rows_left) {
                runner_.finish_foreign(*at->second, row, row.stage == execution_stage::sent);
            }
        }
    }
    // Deletions that were cut off.
    for (auto const& [id, one] : by_id_) {
        if (one->row.closing != close_kind::none) {
            context_.log.info("deletion_resumed", {{"session", id.str()}});
            co_await sessions_.close(one, one->row.closing);
        }
    }
}

task<> reconciliation::settle_one(sandbox_row row, std::shared_ptr<session> where, bool alive) {
    if (where && alive && row.stage == sandbox_stage::ready &&
        where->row.closing == close_kind::none && co_await adopt(row, where)) {
        co_return;
    }
    auto const end =
        co_await offload(context_.pool, [&runtime = context_.runtime, session = row.session,
                                         id = row.id] { return runtime.end(session, id); });
    if (!end) {
        context_.log.error("sandbox_not_removed",
                           {{"sandbox", row.id.str()}, {"err", end.error().detail}});
        co_return;
    }
    bool const had_variables =
        row.stage == sandbox_stage::ready || row.stage == sandbox_stage::ending;
    if (where && had_variables && where->row.closing == close_kind::none) {
        auto const why = loss_of(*end);
        where->life.on_adopted(false);
        where->life.on_kernel_gone(why);
        (void)context_.store.update_session(where->stored());
        context_.log.info("kernel_lost",
                          {{"session", where->row.id.str()}, {"reason", to_string(why)}});
    } else {
        context_.log.info("half_started_sandbox_removed", {{"sandbox", row.id.str()}});
    }
    (void)context_.store.forget_sandbox(row.id);
}

state_reason reconciliation::loss_of(sandbox_end const& end) const {
    execution_facts facts;
    facts.cause = end_cause::kernel_died;
    facts.sandbox = sandbox_evidence{end.wait_status, end.oom_kills, end.pids_denied};
    if (!end.wait_status) {
        return host_restarted_ ? state_reason::host_restart : state_reason::runtime_lost;
    }
    return judge(facts).next_reason.value_or(state_reason::runtime_lost);
}

task<bool> reconciliation::adopt(sandbox_row row, std::shared_ptr<session> where) {
    auto const opened = co_await runner_.open_workspace(where);
    if (!opened) {
        co_return false;
    }
    auto kernel = co_await live_kernel::adopt(context_, where->row, row);
    if (!kernel) {
        context_.log.warning("kernel_not_adopted",
                             {{"session", where->row.id.str()}, {"err", kernel.error().detail}});
        co_return false;
    }
    where->kernel = *kernel;
    where->adopting = true;
    std::vector<execution_row> sent;
    auto& left = unfinished_[row.session];
    for (auto& one : std::exchange(left, {})) {
        (one.stage == execution_stage::sent ? sent : left).push_back(std::move(one));
    }
    where->life.on_adopted(!sent.empty());
    context_.tasks.spawn(hear_out(where, std::move(sent)));
    co_return true;
}

task<> reconciliation::hear_out(std::shared_ptr<session> where, std::vector<execution_row> sent) {
    auto const kernel = where->kernel;
    auto const now = context_.clock().steady;
    // The limit that was promised to whoever sent it still holds.
    auto deadline = now + idle_adoption_limit;
    for (auto const& row : sent) {
        deadline = std::max(deadline, row.deadline.value_or(now));
    }
    auto heard = co_await kernel->connection().adopt(deadline);
    if (!heard && !sent.empty() && !kernel->has_ended() && !kernel->link_failed()) {
        kernel->connection().interrupt();
        heard = co_await kernel->connection().adopt(
            context_.clock().steady + steady_seconds(context_.config.executions.interrupt_grace_s));
    }
    std::optional<state_reason> gone;
    if (!heard) {
        bool const died = kernel->has_ended();
        co_await kernel->end();
        gone = died ? loss_of(kernel->evidence())
                    : (sent.empty() ? state_reason::unresponsive : state_reason::timeout_kill);
        where->kernel.reset();
    }
    if (!where->closing) {
        if (!sent.empty()) {
            where->life.on_execution_end(context_.clock(), gone);
        } else if (gone) {
            where->life.on_kernel_gone(*gone);
        }
        where->row.life = where->life.record();
    }
    for (auto& row : sent) {
        runner_.finish_foreign(*where, row, true);
    }
    if (sent.empty() && gone && !where->closing) {
        (void)context_.store.update_session(where->stored());
    }
    context_.log.info("kernel_adopted",
                      {{"session", where->row.id.str()}, {"busy", !sent.empty()}, {"kept", !gone}});
    where->adopting = false;
    where->rest();
    if (where->kernel) {
        runner_.watch_kernel(where);
    }
    runner_.wake(where);
}

task<> reconciliation::remove_strangers() {
    auto const found = co_await offload(
        context_.pool, [&runtime = context_.runtime, &workspaces = context_.workspaces] {
            return std::pair(runtime.list(), workspaces.list());
        });
    std::set<session_id> emptied;
    if (auto const& sandboxes = found.first) {
        std::set<std::string> known;
        for (auto const& [id, one] : by_id_) {
            if (one->kernel) {
                known.insert(one->kernel->id().str());
            }
        }
        for (auto const& one : *sandboxes) {
            if (!known.contains(one.sandbox.str())) {
                context_.log.warning("sandbox_without_row", {{"sandbox", one.sandbox.str()}});
                (void)co_await offload(context_.pool, [&runtime = context_.runtime, one] {
                    return runtime.end(one.session, one.sandbox).has_value();
                });
                emptied.insert(one.session);
            }
        }
    }
    if (auto const& workspaces = found.second) {
        for (auto const& one : *workspaces) {
            if (!by_id_.contains(one.session)) {
                context_.log.warning("workspace_without_row", {{"session", one.session.str()}});
                (void)co_await offload(context_.pool,
                                       [&store = context_.workspaces, id = one.session] {
                                           return store.remove(id).has_value();
                                       });
                emptied.insert(one.session);
            }
        }
    }
    for (auto const& id : emptied) {
        if (auto const at = by_id_.find(id); at == by_id_.end() || !at->second->kernel) {
            (void)co_await offload(context_.pool, [&runtime = context_.runtime, id] {
                return runtime.forget_session(id).has_value();
            });
        }
    }
}

}  // namespace broker
