// SPDX-License-Identifier: Apache-2.0
// What stops the work of a session from outside: interrupts, restarts, deletions, the end of the
// broker. Never leaves anybody who waits without an answer. On the loop; after each wait the
// session is looked at again.
#include "broker/service/session_runner.hpp"

#include <utility>

namespace broker {

void session_runner::interrupt(std::shared_ptr<session> const& where,
                               std::shared_ptr<pending_execution> const& what) {
    if (what->queued) {
        std::erase(where->queue, what);
        what->queued = false;
        what->cancelled = true;
        finish(*where, *what);
        tell_positions(*where);
    } else if (where->running == what && what->view.state != execution_state::done) {
        bool const sent = what->view.state == execution_state::running;
        if (what->listening && where->kernel) {
            what->interrupted = true;
            where->kernel->connection().interrupt();
        } else if (!sent) {
            what->interrupted = true;
        }
    }
}

task<result<void>> session_runner::restart(std::shared_ptr<session> where) {
    while (where->adopting && !where->running) {
        auto const settled = where->until_resting(context_.loop.get_executor());
        co_await settled->wait();
    }
    if (where->closing) {
        co_return fail(errc::session_not_found, "the session was deleted");
    }
    if (where->life.status() != session_status::starting) {
        auto const kernel = where->kernel;
        where->restart_wanted = kernel != nullptr;
        auto const running = where->running;
        bool const sent = running && running->view.state != execution_state::queued;
        if (running && (running->listening || !sent)) {
            running->restarted = true;
        }
        if (sent && kernel) {
            // One that is being concluded has ended: the worker ends its kernel when it is free.
            if (running->listening) {
                co_await kernel->end();
            }
        } else if (kernel) {
            // A request that comes meanwhile waits for the end, as it would for one put away.
            where->ending = std::exchange(where->kernel, nullptr);
            where->life.on_kernel_gone(state_reason::restart_requested);
            (void)context_.store.update_session(where->stored());
            co_await kernel->end();
            where->ending.reset();
        }
    }
    if (where->closing) {
        co_return fail(errc::session_not_found, "the session was deleted");
    }
    if (!where->warmed) {
        where->warmed = std::make_shared<async_event>(context_.loop.get_executor());
    }
    auto const started = where->warmed;
    warm(where);
    co_await started->wait();
    if (where->closing) {
        co_return fail(errc::session_not_found, "the session was deleted");
    }
    if (where->not_warmed) {
        co_return *where->not_warmed;
    }
    co_return result<void>{};
}

void session_runner::cancel_all(session& where) {
    for (auto const& waiting : std::exchange(where.queue, {})) {
        waiting->queued = false;
        waiting->cancelled = waiting->deleted = true;
        finish(where, *waiting);
    }
    if (where.running) {
        where.running->cancelled = where.running->deleted = true;
        if (where.kernel) {
            where.kernel->connection().abandon();
        }
    }
}

void session_runner::give_up(session& where) {
    where.warming = false;
    for (auto const& waiting : std::exchange(where.queue, {})) {
        if (waiting->kept) {
            leave(*waiting);
            continue;
        }
        waiting->queued = false;
        waiting->cancelled = true;
        waiting->refused = fail(errc::draining,
                                "the broker is shutting down and it was not run; try again in a "
                                "moment");
        finish(where, *waiting);
    }
    if (where.running) {
        where.running->given_up = true;
        if (where.kernel) {
            where.kernel->connection().abandon();
        }
    }
}

}  // namespace broker
