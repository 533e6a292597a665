// SPDX-License-Identifier: Apache-2.0
// From rows and files back to executions. Never fails for a file that is gone or cut off: what is
// there counts. On the loop.
#include "broker/service/revival.hpp"

#include <algorithm>
#include <utility>

namespace broker {
namespace {

task<result<event_log::stored>> read_log(service_context& context, execution_id id,
                                         event_log::record_sink seen) {
    co_return co_await offload(
        context.pool, [&files = context.files, id = std::move(id), seen = std::move(seen)] {
            return event_log::read_file(files, id, seen);
        });
}

}  // namespace

task<std::shared_ptr<pending_execution>> revive(service_context& context,
                                                std::shared_ptr<session> where, execution_row row) {
    execution_options options;
    options.code = row.code.value_or("");
    options.language = row.language;
    options.timeout_s = row.timeout_s;
    options.silent = row.silent;
    options.store_history = row.store_history;
    options.collect_files = row.collect_files;
    options.allow_stdin = row.allow_stdin;
    options.argv = row.argv;
    options.idempotency_key = row.idempotency_key;
    auto made =
        std::make_shared<pending_execution>(context.loop.get_executor(), std::move(options));
    auto const now = context.clock();
    auto const age = std::max(now.wall - row.queued_at, wall_time::duration::zero());
    made->accepted = now.steady - age;
    made->code_sha256 = row.code_sha256;
    made->request_sha256 = row.request_sha256;
    made->timeout_s = row.timeout_s;
    made->deadline = row.deadline.value_or(now.steady);
    made->queued = false;
    made->promised = true;
    auto& view = made->view;
    view.id = row.id;
    view.session_name = where->row.key.name;
    view.language = row.language;
    view.state =
        row.stage == execution_stage::sent ? execution_state::running : execution_state::queued;
    view.queued_at = row.queued_at;
    view.started_at = row.started_at;
    view.started_on = row.began.state;
    view.reason = row.began.reason;
    view.generation = row.began.generation;
    made->log = std::make_shared<event_log>(context, row.id);
    made->collector =
        std::make_shared<event_collector>(context.config.executions.output, made->log);
    auto found = co_await read_log(
        context, row.id,
        [collector = made->collector](std::string_view records) { collector->resume(records); });
    if (!found) {
        made->collector->log_lacks_some();  // what was read of it before it failed
    }
    if (found && !made->log->resume(std::move(*found))) {
        context.log.error("events_not_resumed", {{"execution", row.id.str()}});
    }
    co_return made;
}

task<result<std::shared_ptr<event_log>>> log_of_ended(service_context& context, execution_row row) {
    auto const gone = fail(errc::events_expired, "the events of this execution are not kept");
    if (row.events_at == events_place::table) {
        co_return event_log::of_records(context, std::move(row.events), row.summary_json);
    }
    if (row.events_at == events_place::none) {
        co_return gone;
    }
    auto found = co_await read_log(context, row.id, {});
    if (!found) {
        co_return gone;
    }
    co_return event_log::of_file(context, row.id, std::move(*found), row.summary_json);
}

}  // namespace broker
