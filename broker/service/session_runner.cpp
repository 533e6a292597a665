// SPDX-License-Identifier: Apache-2.0
// The order in which things happen to a session's queue. Never interprets an end: `judge` does.
// On the loop; after each wait the session is looked at again.
#include "broker/service/session_runner.hpp"

#include "broker/base/descriptors.hpp"
#include "broker/base/host.hpp"
#include "broker/core/verdict.hpp"
#include "broker/service/execution_run.hpp"

#include <boost/asio/steady_timer.hpp>

#include <algorithm>
#include <exception>
#include <utility>

namespace broker {
namespace {

/// While a kernel starts, the deadlines of those who wait for it are not known yet.
constexpr std::chrono::milliseconds look_again{100};

/// Until a kernel is tried again for what an earlier broker has promised to run.
constexpr std::chrono::seconds start_again{2};

/// The start of a kernel does not count for anybody who waited through it.
void give_back(session& where, steady_time begin, steady_time now) {
    for (auto const& waiting : where.queue) {
        waiting->deadline += now - std::max(begin, waiting->accepted);
    }
}

/// The host may be mended, or get room, in a moment.
bool is_passing(errc why) {
    return why == errc::no_capacity || why == errc::runtime_unavailable ||
           why == errc::image_unavailable;
}

/// Somebody can ask for it after the broker's end, and has not wished that it ends with the
/// connection.
bool survives(pending_execution const& what) {
    bool const known = what.promised || what.options.idempotency_key;
    return known && !what.options.interrupt_on_disconnect &&
           what.options.code.size() <= code_in_table_bytes;
}

class counted {
public:
    explicit counted(unsigned& what) : what_(what) { ++what_; }
    counted(counted const&) = delete;
    counted& operator=(counted const&) = delete;
    ~counted() { --what_; }

private:
    unsigned& what_;
};

}  // namespace

result<void> session_runner::submit(std::shared_ptr<session> const& where,
                                    std::shared_ptr<pending_execution> const& what) {
    if (where->worked || where->adopting != 0 || !where->slot_of(*what)->kernel || what->promised) {
        // One that need not wait, and of whom nobody knows, is stored with the intent to send it.
        auto row = row_of(*what, *where);
        if (survives(*what)) {
            row.code = what->options.code;
            row.argv = what->options.argv;
        }
        if (auto stored = context_.store.queue_execution(row); !stored) {
            return stored;
        }
        what->kept = row.code.has_value();
    }
    enqueue(where, what);
    return {};
}

void session_runner::enqueue(std::shared_ptr<session> const& where,
                             std::shared_ptr<pending_execution> const& what) {
    where->queue.push_back(what);
    live_.add(where, what);
    what->log->append(event_type::queued, queued_data(where->queue.size() - 1));
    // Whatever goes first starts at once or waits for a kernel, whose start does not count.
    if (where->worked || where->adopting != 0) {
        context_.tasks.spawn(expire_in_queue(where, what, what->deadline));
    }
    wake(where);
}

void session_runner::take_up(std::shared_ptr<session> const& where,
                             std::shared_ptr<pending_execution> const& what) {
    if (what->view.state == execution_state::queued) {
        what->queued = what->kept = what->inherited = true;
        if (context_.clock().steady < what->deadline) {
            enqueue(where, what);
            return;
        }
        what->queued = false;
        what->timed_out = true;
        live_.add(where, what);
        finish(*where, *what);
    } else {
        live_.add(where, what);
    }
}

void session_runner::wake(std::shared_ptr<session> const& where) {
    if (!where->worked && where->adopting == 0 && (where->warming || !where->queue.empty())) {
        where->worked = true;
        context_.tasks.spawn(work(where));
    }
}

void session_runner::warm(std::shared_ptr<session> const& where) {
    where->warming = true;
    wake(where);
}

/// Whoever waits learns that somebody before it has gone.
void session_runner::tell_positions(session& where) {
    for (std::size_t i = 0; i < where.queue.size(); ++i) {
        where.queue[i]->log->append(event_type::queued, queued_data(i));
    }
}

task<> session_runner::work(std::shared_ptr<session> where) {
    std::exception_ptr broken;
    try {
        co_await work_queue(where);
    } catch (boost::system::system_error const& error) {
        if (error.code() == boost::asio::error::operation_aborted) {
            throw;  // the broker ends; the sandbox and the rows stay for the next one
        }
        broken = std::current_exception();
    } catch (...) {
        broken = std::current_exception();
    }
    if (broken) {
        break_off(*where);
    }
    where->worked = false;
    where->rest();
    where->end_warming(
        broken ? fail(errc::internal, "the session's worker broke off")
               : fail(errc::draining, "the broker is shutting down; try again in a moment"));
    if (broken) {
        std::rethrow_exception(broken);
    }
}

/// A broken invariant costs its own session its kernels, and nobody an answer.
void session_runner::break_off(session& where) {
    for (auto const& [language, slot] : where.slots) {
        if (auto const kernel = std::exchange(slot->kernel, nullptr)) {
            kernel->begin_end();
        }
        if (!where.closing) {
            where.life.on_kernel_gone(language, state_reason::runtime_lost);
        }
    }
    auto const fail_it = [&](pending_execution& what) {
        what.queued = false;
        what.refused = fail(errc::internal, "the session's worker broke off");
        if (!what.done.raised()) {
            finish(where, what);
        }
    };
    if (auto const running = std::exchange(where.running, nullptr)) {
        fail_it(*running);
    }
    for (auto const& waiting : std::exchange(where.queue, {})) {
        fail_it(*waiting);
    }
}

task<> session_runner::work_queue(std::shared_ptr<session> where) {
    while ((where->warming || !where->queue.empty()) && !where->closing) {
        if (auto const unwanted = where->to_be_restarted()) {
            co_await replace_kernel(where, unwanted);
            continue;
        }
        auto const slot =
            where->warming ? where->own_slot() : where->slot_of(*where->queue.front());
        if (slot->kernel && slot->kernel->is_ending()) {
            co_await replace_kernel(where, slot);
            continue;
        }
        if (!slot->kernel && !co_await start_or_fail(where, slot)) {
            continue;
        }
        if (slot == where->own_slot() && std::exchange(where->warming, false)) {
            where->end_warming(std::nullopt);
        }
        if (where->queue.empty() || where->closing ||
            where->slot_of(*where->queue.front()) != slot) {
            continue;
        }
        auto const next = where->queue.front();
        where->queue.pop_front();
        next->queued = false;
        where->running = next;
        tell_positions(*where);
        co_await run(where, next, false);
        where->running.reset();
    }
}

/// One that is ending, or that a client wants to be another.
task<> session_runner::replace_kernel(std::shared_ptr<session> where,
                                      std::shared_ptr<kernel_slot> slot) {
    auto const kernel = slot->kernel;
    auto const begin = context_.clock().steady;
    co_await kernel->end();
    give_back(*where, begin, context_.clock().steady);
    if (slot->kernel == kernel && !where->closing) {
        lose_kernel(*where, *slot);
    }
}

/// Whether the kernel is there now. If not, the first that waits for it has failed, and only that
/// one: the next may find the host mended.
task<bool> session_runner::start_or_fail(std::shared_ptr<session> where,
                                         std::shared_ptr<kernel_slot> slot) {
    auto const started = co_await start_kernel(where, slot);
    if (started) {
        co_return true;
    }
    if (slot == where->own_slot() && std::exchange(where->warming, false)) {
        where->end_warming(started.error());
    }
    if (where->queue.empty() || where->slot_of(*where->queue.front()) != slot) {
        co_return false;
    }
    auto const first = where->queue.front();
    if (first->inherited && is_passing(started.error().code) &&
        context_.clock().steady < first->deadline) {
        boost::asio::steady_timer pause(context_.loop, start_again);
        co_await pause.async_wait(use_task);
        co_return false;
    }
    where->queue.pop_front();
    first->queued = false;
    first->refused = started.error();
    finish(*where, *first);
    co_return false;
}

task<> session_runner::expire_in_queue(std::weak_ptr<session> in,
                                       std::weak_ptr<pending_execution> of, steady_time deadline) {
    boost::asio::steady_timer timer(context_.loop);
    auto at = deadline;
    for (bool again = true; again;) {
        timer.expires_at(at);
        auto const [error] = co_await timer.async_wait(no_throw);
        auto const where = in.lock();
        auto const what = of.lock();
        if (error || !where || !what || !what->queued) {
            co_return;
        }
        auto const now = context_.clock().steady;
        if (now < what->deadline) {
            at = what->deadline;  // a kernel was started meanwhile, and its time given back
        } else if (where->life.status() == session_status::starting) {
            at = now + look_again;
        } else {
            std::erase(where->queue, what);
            what->queued = false;
            what->timed_out = true;
            finish(*where, *what);
            tell_positions(*where);
            again = false;
        }
    }
}

task<result<void>> session_runner::open_workspace(std::shared_ptr<session> where) {
    return mount_files(std::move(where), true);
}

task<result<void>> session_runner::reopen_workspace(std::shared_ptr<session> where) {
    return mount_files(std::move(where), false);
}

task<result<void>> session_runner::mount_files(std::shared_ptr<session> where, bool may_make) {
    // One at a time: a start and a file call may want the same files at once.
    while (auto const mounting = where->mounting) {
        co_await mounting->wait();
    }
    if (where->closing) {
        co_return fail(errc::session_not_found, "the session was deleted");
    }
    where->files_wanted_at = context_.clock().steady;
    if (where->files) {
        co_return result<void>{};
    }
    where->mounted = true;
    auto const done = std::make_shared<async_event>(context_.loop.get_executor());
    where->mounting = done;
    auto& store = context_.workspaces;
    auto const& row = where->row;
    auto opened = co_await offload(
        context_.pool, [&store, id = row.id, uid = row.uid] { return store.open(id, uid); });
    if (!opened && opened.error().code == errc::file_not_found) {
        if (row.has_files) {
            lose_files(*where);
        }
        if (may_make) {
            opened = co_await offload(context_.pool, [&store, id = row.id, uid = row.uid,
                                                      bytes = row.session_limits.disk_bytes] {
                return store.create(id, uid, bytes);
            });
        }
    }
    if (opened) {
        where->files = std::make_shared<workspace>(std::move(*opened));
        where->snapshot.reset();
        if (!std::exchange(where->row.has_files, true)) {
            (void)context_.store.update_session(where->stored());
        }
    }
    where->mounting.reset();
    done->raise();
    if (!opened) {
        co_return opened.error();
    }
    co_return result<void>{};
}

void session_runner::lose_files(session& where) {
    context_.log.error("files_lost", {{"session", where.row.id.str()}});
    where.hashes = {};
    where.row.has_files = false;
    if (!where.closing) {
        where.life.on_files_lost(state_reason::runtime_lost);
    }
    (void)context_.store.update_session(where.stored());
}

host_room session_runner::room_for_a_sandbox() const {
    auto const free = free_descriptors();
    return {available_memory_bytes(), free - std::min(free, starting_ * descriptors_of_a_session)};
}

task<result<void>> session_runner::start_kernel(std::shared_ptr<session> where,
                                                std::shared_ptr<kernel_slot> slot) {
    if (auto const admitted = admit_sandbox(context_.config.sessions.caps, room_for_a_sandbox());
        !admitted) {
        co_return admitted.error();
    }
    counted const one_more(starting_);
    auto const begin = context_.clock().steady;
    auto const& language = slot->language;
    where->life.on_start(language);
    if (auto const ending = slot->ending) {
        co_await ending->end();
    }
    auto opened = co_await open_workspace(where);
    result<std::shared_ptr<live_kernel>> started = fail(errc::internal, {});
    if (opened) {
        context_.reached(step::workspace_mounted);
        started = co_await live_kernel::start(context_, where->stored(), language,
                                              where->files->mount, slot->starting);
    } else {
        started = opened.error();
    }
    if (started && where->closing) {
        co_await (*started)->end();
        started = fail(errc::session_not_found, "the session was deleted");
    }
    if (!started) {
        if (!where->closing) {
            where->life.on_start_failed(language);
        }
        if (where->has_kernel()) {
            co_await take_back_boost(where);
            if (started.error().code == errc::runtime_unavailable) {
                started = fail(errc::runtime_unavailable,
                               started.error().detail +
                                   "; the kernels of the session's other languages hold a part of "
                                   "its memory and processes: end what runs there, or restart it");
            }
        }
        give_back(*where, begin, context_.clock().steady);
        context_.log.warning("kernel_not_started", {{"session", where->row.id.str()},
                                                    {"language", language},
                                                    {"err", started.error().detail}});
        co_return started.error();
    }
    auto const now = context_.clock();
    slot->kernel = *started;
    slot->restart_wanted = false;
    where->life.on_ready(language, now);
    where->unclaimed = false;
    (void)context_.store.sandbox_ready(slot->kernel->id(), where->stored());
    context_.reached(step::ready);
    give_back(*where, begin, now.steady);
    watch_kernel(where, slot);
    context_.log.info(
        "kernel_ready",
        {{"session", where->row.id.str()},
         {"language", language},
         {"generation", where->life.record().generation(language)},
         {"ms",
          std::chrono::duration_cast<std::chrono::milliseconds>(now.steady - begin).count()}});
    co_return result<void>{};
}

/// A start lends the session processors, and gives them back only where it succeeds.
task<> session_runner::take_back_boost(std::shared_ptr<session> where) {
    auto const slots = where->slots;
    for (auto const& [language, slot] : slots) {
        auto const kernel = slot->kernel;
        if (!kernel) {
            continue;
        }
        auto const settled = co_await offload(
            context_.pool,
            [&runtime = context_.runtime, session = where->row.id, id = kernel->id(),
             own = where->row.session_limits] { return runtime.settle(session, id, own); });
        if (!settled && !kernel->is_ending()) {
            context_.log.error("limits_not_restored",
                               {{"session", where->row.id.str()}, {"err", settled.error().detail}});
            kernel->begin_end();
        }
    }
}

void session_runner::watch_kernel(std::shared_ptr<session> const& where,
                                  std::shared_ptr<kernel_slot> const& slot) {
    context_.tasks.spawn(after_kernel_end(where, slot, slot->kernel));
}

task<> session_runner::after_kernel_end(std::shared_ptr<session> where,
                                        std::shared_ptr<kernel_slot> slot,
                                        std::shared_ptr<live_kernel> kernel) {
    co_await kernel->wait_ended();
    // While something runs on it, its own end tells the story; one put away is no longer here.
    bool const runs = where->running && where->slot_of(*where->running) == slot;
    if (slot->kernel != kernel || runs || where->closing) {
        co_return;
    }
    lose_kernel(*where, *slot);
}

/// The kernel has ended while nothing ran on it.
void session_runner::lose_kernel(session& where, kernel_slot& slot) {
    auto const kernel = std::exchange(slot.kernel, nullptr);
    auto const why =
        slot.restart_wanted
            ? state_reason::restart_requested
            : judge(facts_of_idle_end(*kernel)).next_reason.value_or(state_reason::runtime_lost);
    where.life.on_kernel_gone(slot.language, why);
    (void)context_.store.update_session(where.stored());
    context_.log.info(
        "kernel_ended_idle",
        {{"session", where.row.id.str()}, {"language", slot.language}, {"reason", to_string(why)}});
}

task<> session_runner::run(std::shared_ptr<session> where, std::shared_ptr<pending_execution> what,
                           bool followed) {
    execution_run one(context_, where, what);
    auto const gone = followed ? co_await one.follow() : co_await one.go();
    auto const now = context_.clock();
    if (what->given_up && what->view.state == execution_state::queued) {
        leave(*what);
        co_return;
    }
    if (where->closing) {
        finish(*where, *what);
        co_return;
    }
    if (what->given_up && what->view.what == outcome::unknown) {
        seal(*what, now);
        answer(*what);
        live_.remove(what->view.id);  // the kernel is busy with it, and its row says so
        co_return;
    }
    auto const& slot = where->slot_of(*what);
    if (where->life.status(slot->language) == session_status::busy) {
        where->life.on_execution_end(slot->language, now, gone);
    }
    if (gone) {
        slot->kernel.reset();
    }
    finish(*where, *what);
}

task<> session_runner::follow(std::shared_ptr<session> where,
                              std::shared_ptr<pending_execution> what) {
    while (auto const other = where->running) {
        co_await other->done.wait();
    }
    where->running = what;
    co_await run(where, what, true);
    where->running.reset();
}

}  // namespace broker
