// SPDX-License-Identifier: Apache-2.0
// What stops the work of a session from outside: interrupts, restarts, deletions, the end of the
// broker. Never leaves anybody who waits without an answer. On the loop; after each wait the
// session is looked at again.
#include "broker/service/session_runner.hpp"

#include <utility>
#include <vector>

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
        auto const& kernel = where->slot_of(*what)->kernel;
        if (what->listening && kernel) {
            what->interrupted = true;
            kernel->connection().interrupt();
        } else if (!sent) {
            what->interrupted = true;
        }
    }
}

task<result<void>> session_runner::restart(std::shared_ptr<session> where) {
    while (where->adopting != 0 && !where->running) {
        auto const settled = where->until_resting(context_.loop.get_executor());
        co_await settled->wait();
    }
    if (where->closing) {
        co_return fail(errc::session_not_found, "the session was deleted");
    }
    // All at once, so that nothing begins on one while another ends.
    std::vector<std::shared_ptr<live_kernel>> to_end;
    for (auto const& [language, slot] : where->slots) {
        if (auto kernel = give_up_kernel(*where, *slot)) {
            to_end.push_back(std::move(kernel));
        }
    }
    co_await end_all(to_end);
    where->forget_ended(to_end);
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

/// For a restart. The kernel that is to be ended now, if any; one that is concluding an execution
/// is ended by the worker when it is free.
std::shared_ptr<live_kernel> session_runner::give_up_kernel(session& where, kernel_slot& slot) {
    auto kernel = slot.kernel;
    if (where.life.status(slot.language) == session_status::starting) {
        return nullptr;
    }
    slot.restart_wanted = kernel != nullptr;
    bool const runs = where.running && where.slot_of(*where.running).get() == &slot;
    bool const sent = runs && where.running->view.state != execution_state::queued;
    if (runs && (where.running->listening || !sent)) {
        where.running->restarted = true;
    }
    if (!kernel || sent) {
        return sent && where.running->listening ? kernel : nullptr;
    }
    // A request that comes meanwhile waits for the end, as it would for one put away.
    kernel = where.give_away(slot, state_reason::restart_requested);
    (void)context_.store.update_session(where.stored());
    return kernel;
}

void session_runner::cancel_all(session& where) {
    for (auto const& waiting : std::exchange(where.queue, {})) {
        waiting->queued = false;
        waiting->cancelled = waiting->deleted = true;
        finish(where, *waiting);
    }
    if (where.running) {
        where.running->cancelled = where.running->deleted = true;
        if (auto const& kernel = where.slot_of(*where.running)->kernel) {
            kernel->connection().abandon();
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
        if (auto const& kernel = where.slot_of(*where.running)->kernel) {
            kernel->connection().abandon();
        }
    }
}

}  // namespace broker
