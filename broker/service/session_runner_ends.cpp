// SPDX-License-Identifier: Apache-2.0
// How executions end in the table, in their logs and for those who wait. Never answers before the
// store was told; an end that it refuses is kept, and told again and again while the broker runs.
// On the loop.
#include "broker/service/execution_run.hpp"
#include "broker/service/session_runner.hpp"

#include <utility>

namespace broker {

void session_runner::finish(session& where, pending_execution& what) {
    auto const now = context_.clock();
    if (what.view.state != execution_state::done) {
        conclude_unheard(what, where, now);
    }
    seal(what, now);
    what.log->settle();
    unstored_end end{live_.find(what.view.id), std::nullopt};
    if (!what.refused || what.promised) {
        end.row = row_of(what, where);
        if (what.log->broken() && what.result != result_place::log) {
            context_.tasks.spawn(remove_events(context_, what.view.id));
        }
    } else if (what.log->in_file()) {
        context_.tasks.spawn(remove_files(context_, {what.view.id}));
    }
    bool const stored = store(where, end);
    if (end.row) {
        prune_some(where, end.row->file_bytes);
    }
    context_.reached(step::ended);
    answer(what);
    if (stored) {
        live_.remove(what.view.id);
    } else {
        context_.log.error("execution_not_stored", {{"execution", what.view.id.str()}});
        unstored_.push_back(std::move(end));
    }
}

bool session_runner::store(session& where, unstored_end const& end) {
    if (end.row) {
        return context_.store.finish_execution(*end.row, where.stored()).has_value();
    }
    // Its client is answered with the refusal, and may ask again with the same key.
    bool const forgotten = context_.store.forget_execution(end.of.what->view.id).has_value();
    return context_.store.update_session(where.stored()).has_value() && forgotten;
}

void session_runner::answer(pending_execution& what) {
    what.log->end(what.summary_json);
    what.collector.reset();
    what.done.raise();
}

void session_runner::leave(pending_execution& what) {
    what.queued = false;
    what.refused = fail(errc::draining,
                        "the broker is shutting down; it was not run yet and will be by the next "
                        "one: ask again in a moment, by its id or with the same Idempotency-Key");
    what.log->leave();
    live_.remove(what.view.id);
    what.done.raise();
}

void session_runner::store_again() {
    while (!unstored_.empty()) {
        auto const end = std::move(unstored_.front());
        unstored_.pop_front();
        auto& where = *end.of.where;
        if (!where.closing && !store(where, end)) {
            unstored_.push_back(end);  // the others have their turn in the next round
            return;
        }
        context_.log.info("execution_stored", {{"execution", end.of.what->view.id.str()}});
        live_.remove(end.of.what->view.id);
    }
}

void session_runner::prune_some(session& where, std::uint64_t file_bytes) {
    // Ended rows go in bundles: each time would cost every short execution a statement.
    constexpr unsigned bundle = 32;
    where.unpruned_bytes += file_bytes;
    if (++where.finished % bundle == 0 ||
        where.unpruned_bytes >= context_.config.executions.keep_bytes / bundle) {
        prune(where);
    }
}

void session_runner::prune(session& where) {
    auto const& config = context_.config.executions;
    where.unpruned_bytes = 0;
    auto const now = context_.clock();
    auto gone = context_.store.prune_executions(
        where.row.id, {config.keep, now.wall - wall_seconds(config.keep_s), config.keep_bytes});
    if (gone && !gone->empty()) {
        context_.tasks.spawn(remove_files(context_, std::move(*gone)));
    }
}

task<> session_runner::remove_files(service_context& context, std::vector<execution_id> ids) {
    (void)co_await offload(context.pool, [&files = context.files, ids = std::move(ids)] {
        for (auto const& id : ids) {
            files.remove(id);
        }
        return true;
    });
}

task<> session_runner::remove_events(service_context& context, execution_id id) {
    (void)co_await offload(context.pool, [&files = context.files, id = std::move(id)] {
        files.remove_events(id);
        return true;
    });
}

task<> session_runner::finish_foreign(std::shared_ptr<session> where,
                                      std::shared_ptr<pending_execution> what) {
    live_.add(where, what);
    if (what->view.state == execution_state::running) {
        what->collector->close();
    }
    co_await keep_outputs(context_, what);
    conclude_unheard(*what, *where, context_.clock());
    co_await what->log->flushed();
    finish(*where, *what);
}

}  // namespace broker
