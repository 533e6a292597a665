// SPDX-License-Identifier: Apache-2.0
// The order in which things happen to a session's queue. Never interprets an end: `judge` does.
// On the loop; after each wait the session is looked at again.
#include "broker/service/session_runner.hpp"

#include "broker/base/host.hpp"
#include "broker/core/admission.hpp"
#include "broker/core/verdict.hpp"
#include "broker/service/execution_run.hpp"

#include <boost/asio/steady_timer.hpp>

#include <algorithm>
#include <utility>

namespace broker {

void session_runner::submit(std::shared_ptr<session> const& where,
                            std::shared_ptr<pending_execution> const& what) {
    where->queue.push_back(what);
    // Whatever goes first starts at once or waits for a kernel, whose start does not count.
    if (where->worked || where->adopting) {
        context_.tasks.spawn(expire_in_queue(where, what));
    }
    wake(where);
}

void session_runner::wake(std::shared_ptr<session> const& where) {
    if (!where->worked && !where->adopting && (where->warming || !where->queue.empty())) {
        where->worked = true;
        context_.tasks.spawn(work(where));
    }
}

void session_runner::warm(std::shared_ptr<session> const& where) {
    where->warming = true;
    wake(where);
}

task<> session_runner::work(std::shared_ptr<session> where) {
    while ((where->warming || !where->queue.empty()) && !where->closing) {
        if (!where->kernel || where->kernel->has_ended()) {
            auto const started = co_await start_kernel(where);
            where->warming = false;
            if (!started) {
                // Only the first fails: the next one may find the host mended.
                if (!where->queue.empty()) {
                    auto const first = where->queue.front();
                    where->queue.pop_front();
                    first->queued = false;
                    first->refused = started.error();
                    finish(*where, *first);
                }
                continue;
            }
        }
        where->warming = false;
        if (where->queue.empty() || where->closing) {
            break;
        }
        auto const next = where->queue.front();
        where->queue.pop_front();
        next->queued = false;
        where->running = next;
        co_await run(where, next);
        where->running.reset();
    }
    where->worked = false;
    where->rest();
}

task<> session_runner::expire_in_queue(std::shared_ptr<session> where,
                                       std::shared_ptr<pending_execution> what) {
    boost::asio::steady_timer timer(context_.loop);
    while (what->queued) {
        timer.expires_at(what->deadline);
        auto const [error] = co_await timer.async_wait(no_throw);
        if (error || !what->queued) {
            co_return;
        }
        if (context_.clock().steady < what->deadline) {
            continue;  // a kernel was started meanwhile, and its time given back
        }
        if (where->life.status() == session_status::starting) {
            // Looked at again once the kernel is there and the deadline is known.
            what->deadline += std::chrono::milliseconds(100);
            continue;
        }
        std::erase(where->queue, what);
        what->queued = false;
        what->timed_out = true;
        finish(*where, *what);
    }
}

task<result<void>> session_runner::open_workspace(std::shared_ptr<session> where) {
    // One at a time: a start and a file call may want the same files at once.
    while (auto const mounting = where->mounting) {
        co_await mounting->wait();
    }
    if (where->files) {
        co_return result<void>{};
    }
    auto const done = std::make_shared<async_event>(context_.loop.get_executor());
    where->mounting = done;
    auto opened = co_await offload(
        context_.pool, [&store = context_.workspaces, id = where->row.id, uid = where->row.uid,
                        bytes = where->row.session_limits.disk_bytes] {
            auto opened_before = store.open(id, uid);
            return !opened_before && opened_before.error().code == errc::file_not_found
                       ? store.create(id, uid, bytes)
                       : std::move(opened_before);
        });
    if (opened) {
        where->files = std::make_shared<workspace>(std::move(*opened));
        where->snapshot.reset();
    }
    where->mounting.reset();
    done->raise();
    if (!opened) {
        co_return opened.error();
    }
    co_return result<void>{};
}

task<result<void>> session_runner::start_kernel(std::shared_ptr<session> where) {
    if (auto const admitted =
            admit_sandbox(context_.config.sessions.caps, available_memory_bytes());
        !admitted) {
        co_return admitted.error();
    }
    auto const begin = context_.clock().steady;
    where->kernel.reset();
    where->life.on_start();
    auto opened = co_await open_workspace(where);
    result<std::shared_ptr<live_kernel>> started = fail(errc::internal, {});
    if (opened) {
        context_.reached(step::workspace_mounted);
        started = co_await live_kernel::start(context_, where->row, where->files->mount);
    } else {
        started = opened.error();
    }
    if (started && where->closing) {
        co_await (*started)->end();
        started = fail(errc::session_not_found, "the session was deleted");
    }
    if (!started) {
        if (!where->closing) {
            where->life.on_start_failed();
        }
        context_.log.warning("kernel_not_started",
                             {{"session", where->row.id.str()}, {"err", started.error().detail}});
        co_return started.error();
    }
    auto const now = context_.clock();
    where->kernel = *started;
    where->life.on_ready(now);
    where->row.life = where->life.record();
    (void)context_.store.sandbox_ready(where->kernel->id(), where->stored());
    context_.reached(step::ready);
    for (auto const& waiting : where->queue) {
        waiting->deadline += now.steady - begin;
    }
    watch_kernel(where);
    context_.log.info(
        "kernel_ready",
        {{"session", where->row.id.str()},
         {"generation", where->life.record().generation},
         {"ms",
          std::chrono::duration_cast<std::chrono::milliseconds>(now.steady - begin).count()}});
    co_return result<void>{};
}

void session_runner::watch_kernel(std::shared_ptr<session> const& where) {
    context_.tasks.spawn(after_kernel_end(where, where->kernel));
}

task<> session_runner::after_kernel_end(std::shared_ptr<session> where,
                                        std::shared_ptr<live_kernel> kernel) {
    co_await kernel->wait_ended();
    // While something runs, its own end tells the story; a kernel put away is no longer here.
    if (where->kernel != kernel || where->running || where->closing || where->adopting) {
        co_return;
    }
    auto const why = judge(facts_of_idle_end(*kernel)).next_reason;
    where->kernel.reset();
    where->life.on_kernel_gone(why.value_or(state_reason::runtime_lost));
    (void)context_.store.update_session(where->stored());
    context_.log.info("kernel_ended_idle", {{"session", where->row.id.str()},
                                            {"reason", to_string(*where->life.record().pending)}});
}

task<> session_runner::run(std::shared_ptr<session> where,
                           std::shared_ptr<pending_execution> what) {
    execution_run one(context_, where, what);
    auto const gone = co_await one.go();
    auto const now = context_.clock();
    if (where->closing) {
        finish(*where, *what);
        co_return;
    }
    where->life.on_execution_end(now, gone);
    if (gone) {
        where->kernel.reset();
    }
    finish(*where, *what);
}

void session_runner::cancel_all(session& where) {
    for (auto const& waiting : std::exchange(where.queue, {})) {
        waiting->queued = false;
        waiting->cancelled = true;
        finish(where, *waiting);
    }
    if (where.running) {
        where.running->cancelled = true;
        if (where.kernel) {
            where.kernel->connection().abandon();
        }
    }
}

void session_runner::finish(session& where, pending_execution& what) {
    auto const now = context_.clock();
    if (what.view.state != execution_state::done) {
        conclude_unsent(what, where, now);
    }
    what.view.ended_at = now.wall;
    what.view.duration_ms =
        std::chrono::duration_cast<std::chrono::milliseconds>(now.steady - what.accepted).count();
    (void)context_.store.finish_execution(row_of(what, where), where.stored());
    context_.reached(step::ended);
    prune(where.row.id, now);
    what.done.raise();
}

void session_runner::prune(session_id const& id, moment now) {
    // Ended rows go in bundles: each time would cost every short execution a statement.
    constexpr unsigned bundle = 32;
    if (++finished_ % bundle == 0) {
        auto const& config = context_.config.executions;
        (void)context_.store.prune_executions(id, config.keep,
                                              now.wall - wall_seconds(config.keep_s));
    }
}

void session_runner::finish_foreign(session& where, execution_row row, bool was_sent) {
    row.stage = execution_stage::done;
    row.what = was_sent ? outcome::unknown : outcome::cancelled;
    row.ended_at = context_.clock().wall;
    (void)context_.store.finish_execution(row, where.stored());
}

}  // namespace broker
