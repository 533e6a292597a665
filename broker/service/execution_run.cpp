// SPDX-License-Identifier: Apache-2.0
// The steps of one execution, in order. Never decides what an end means: `judge` does.
// On the loop; directory scans run on the pool.
#include "broker/service/execution_run.hpp"

#include "broker/core/execution_text.hpp"
#include "broker/core/exit_words.hpp"

#include <algorithm>
#include <chrono>
#include <tuple>
#include <utility>

namespace broker {
namespace {

/// After exit() the process ends by itself; longer than this it does not mean to.
constexpr std::chrono::seconds exit_grace{5};

/// The sockets of a kernel that lives are there at once.
constexpr std::chrono::seconds found_within{20};

/// Nothing fills the memory of a sandbox faster.
constexpr std::chrono::milliseconds memory_filled_within{20};

/// A kernel that was interrupted and is back answers in milliseconds.
constexpr std::chrono::milliseconds back_within{1000};

/// A millisecond's work; more is done on the pool.
constexpr std::uint64_t rendered_on_loop_bytes = std::uint64_t{1} << 20;

end_cause translate(kernelproto::end_cause cause) {
    switch (cause) {
        case kernelproto::end_cause::complete:
            return end_cause::complete;
        case kernelproto::end_cause::reply_without_idle:
            return end_cause::reply_without_idle;
        case kernelproto::end_cause::idle_without_reply:
            return end_cause::idle_without_reply;
        case kernelproto::end_cause::kernel_died:
            return end_cause::kernel_died;
        case kernelproto::end_cause::kernel_replaced:
            return end_cause::kernel_replaced;
        case kernelproto::end_cause::unreachable:
            return end_cause::unreachable;
        case kernelproto::end_cause::ended_unheard:
            return end_cause::ended_unheard;
        case kernelproto::end_cause::abandoned:
            break;
    }
    return end_cause::abandoned;
}

link_fault translate(kernelproto::link_failure why) {
    switch (why) {
        case kernelproto::link_failure::refused:
            return link_fault::refused;
        case kernelproto::link_failure::too_much:
            return link_fault::too_much;
        case kernelproto::link_failure::backlog:
            return link_fault::backlog;
        case kernelproto::link_failure::no_resources:  // before anything ran on it
        case kernelproto::link_failure::lost:
            break;
    }
    return link_fault::lost;
}

raised_error translate(kernelproto::raised const& error) {
    return {error.ename, error.evalue, error.traceback};
}

void apply(verdict const& v, execution& view) {
    view.state = execution_state::done;
    view.what = v.what;
    view.exit_code = v.exit_code;
    view.died_of = v.died_of;
    view.variables_kept = v.variables_kept;
    view.output_incomplete = v.output_incomplete;
    view.plain_stderr = plain_stderr(view.output.stderr_text, view.error, v.note);
}

void add_evidence(live_kernel const& kernel, execution_facts& facts) {
    if (kernel.has_ended()) {
        auto const& end = kernel.evidence();
        facts.sandbox = sandbox_evidence{end.wait_status, end.oom_kills, end.pids_denied};
    }
    if (auto const fault = kernel.link_failed()) {
        facts.link = translate(*fault);
    }
}

}  // namespace

execution_run::execution_run(service_context& context, std::shared_ptr<session> where,
                             std::shared_ptr<pending_execution> what)
    : context_(context),
      where_(std::move(where)),
      what_(std::move(what)),
      kernel_(where_->slot_of(*what_)->kernel),
      limit_(std::make_shared<time_limit>(context.loop)) {
    if (!what_->collector) {
        what_->collector =
            std::make_shared<event_collector>(context.config.executions.output, what_->log);
    }
}

task<std::optional<state_reason>> execution_run::go() {
    if (what_->options.collect_files && !where_->snapshot) {
        co_await look_at_files();
    }
    what_->cancelled = what_->cancelled || what_->interrupted || what_->restarted;
    if (what_->given_up && !where_->closing && !what_->cancelled) {
        if (what_->kept) {
            co_return std::nullopt;
        }
        what_->cancelled = true;
        what_->refused = fail(errc::draining, "the broker is shutting down; try again in a moment");
    }
    if (where_->closing || what_->cancelled) {
        conclude_unheard(*what_, *where_, context_.clock());
        co_return std::nullopt;
    }
    if (auto const told = tell_and_store(); !told) {
        what_->refused = told.error();
        conclude_unheard(*what_, *where_, context_.clock());
        co_return std::nullopt;
    }
    context_.reached(step::sent);
    guard();
    auto end = co_await send();
    context_.reached(step::replied);
    co_return co_await conclude(std::move(end));
}

task<std::optional<state_reason>> execution_run::follow() {
    followed_ = true;
    guard();
    auto end = co_await listen();
    co_return co_await conclude(std::move(end));
}

task<kernelproto::execution_end> execution_run::send() {
    kernelproto::execute_request request{.code = what_->options.code,
                                         .silent = what_->options.silent,
                                         .store_history = what_->options.store_history,
                                         .allow_stdin = what_->options.allow_stdin,
                                         .msg_id = what_->view.id.str(),
                                         .argv = what_->options.argv};
    what_->listening = true;
    auto end = co_await kernel_->connection().execute(
        std::move(request), [collector = what_->collector](kernelproto::event heard) {
            collector->take(std::move(heard));
        });
    what_->listening = false;
    co_return end;
}

task<kernelproto::execution_end> execution_run::listen() {
    what_->listening = true;
    auto const hear = [this] {
        // Nobody could hear it before: an answer gets the time that an idle kernel needs.
        auto const until = std::max(what_->deadline, context_.clock().steady + found_within);
        return kernel_->connection().follow(
            what_->view.id.str(), what_->options.allow_stdin, until,
            [collector = what_->collector](kernelproto::event heard) {
                collector->take(std::move(heard));
            });
    };
    auto end = co_await hear();
    while (kernel_->link_wants_resources() && co_await kernel_->connect_again()) {
        end = co_await hear();
    }
    what_->listening = false;
    co_return end;
}

task<std::optional<state_reason>> execution_run::conclude(kernelproto::execution_end end) {
    limit_->over = true;
    limit_->timer.cancel();
    co_await see_off_kernel(end);
    co_await ask_whether_back(end);
    if (what_->options.collect_files && !where_->closing && !what_->given_up) {
        co_await compare_files();
    }
    auto facts = facts_of(end);
    bool const long_enough = context_.clock().steady - what_->accepted > memory_filled_within;
    if (!kernel_->is_ending() && (facts.reply == reply_status::error || long_enough)) {
        // Looked at after each that could be the reason, so that it is not taken for a later one's.
        bool const killed = co_await kernel_->memory_kill_since();
        facts.memory_kill = killed && facts.reply == reply_status::error;
    }
    auto const v = judge(facts);
    auto& view = what_->view;
    if (what_->given_up && v.what == outcome::unknown) {
        what_->log->leave();  // the next broker hears the rest
        apply(v, view);
        co_return v.next_reason;
    }
    what_->collector->close();
    view.execution_count = end.reply && end.reply->execution_count
                               ? end.reply->execution_count
                               : what_->collector->execution_count();
    view.error = facts.error;
    co_await keep_outputs(context_, what_);
    if (!view.files.empty()) {
        what_->log->append(event_type::files, files_data(view));
    }
    co_await what_->log->flushed();
    if (!v.variables_kept) {
        // Whatever still runs there must not be taken for the session's kernel again.
        co_await kernel_->end();
    }
    view.killed_for_memory = facts.memory_kill;
    apply(v, view);
    seal(*what_, context_.clock());
    co_return v.next_reason;
}

/// An interrupt that came through says nothing of what it broke: the kernel is asked.
task<> execution_run::ask_whether_back(kernelproto::execution_end const& end) {
    bool const lives = !kernel_->has_ended() && !kernel_->link_failed() &&
                       end.cause != kernelproto::end_cause::abandoned;
    bool const was_disturbed = what_->timed_out || what_->interrupted || followed_;
    if (!lives || !was_disturbed || what_->killed || where_->closing) {
        co_return;
    }
    auto const back = co_await kernel_->connection().adopt(context_.clock().steady + back_within);
    if (!back && !kernel_->has_ended()) {
        what_->killed = true;
        co_await kernel_->end();
    }
}

result<void> execution_run::tell_and_store() {
    auto const now = context_.clock();
    auto const before = where_->life;
    auto& view = what_->view;
    auto const began = where_->life.on_execution(view.language, now);
    view.state = execution_state::running;
    view.started_at = now.wall;
    view.started_on = began.state;
    view.reason = began.reason;
    view.generation = began.generation;
    auto row = row_of(*what_, *where_);
    row.stage = execution_stage::sent;
    auto stored = context_.store.send_execution(row, where_->stored());
    if (!stored) {
        // Nobody was told: the next one is.
        where_->life = before;
        view.state = execution_state::queued;
        view.started_at.reset();
    }
    return stored;
}

void execution_run::guard() {
    limit_->timer.expires_at(what_->deadline);
    limit_->timer.async_wait([limit = limit_, weak = std::weak_ptr(kernel_), what = what_,
                              grace = steady_seconds(context_.config.executions.interrupt_grace_s)](
                                 boost::system::error_code error) {
        auto const kernel = weak.lock();
        if (error || limit->over || !kernel) {
            return;
        }
        what->timed_out = true;
        kernel->connection().interrupt();
        limit->timer.expires_after(grace);
        limit->timer.async_wait([limit, weak, what](boost::system::error_code stopped) {
            auto const stubborn = weak.lock();
            if (stopped || limit->over || !stubborn) {
                return;
            }
            what->killed = true;
            stubborn->begin_end();
        });
    });
}

task<> execution_run::see_off_kernel(kernelproto::execution_end const& end) {
    if (end.reply && end.reply->ask_exit && !kernel_->has_ended()) {
        auto const overdue = std::make_shared<bool>(false);
        auto const patience = std::make_shared<boost::asio::steady_timer>(context_.loop);
        patience->expires_after(exit_grace);
        patience->async_wait([kernel = kernel_, patience, overdue](auto error) {
            if (!error && !kernel->has_ended()) {
                *overdue = true;
                kernel->begin_end();
            }
        });
        co_await kernel_->wait_ended();
        patience->cancel();
        exit_overdue_ = *overdue;
        co_return;
    }
    if (end.cause == kernelproto::end_cause::kernel_died) {
        co_await kernel_->wait_ended();
    } else if (end.cause == kernelproto::end_cause::kernel_replaced ||
               end.cause == kernelproto::end_cause::unreachable || kernel_->link_failed()) {
        co_await kernel_->end();
    }
}

execution_facts execution_run::facts_of(kernelproto::execution_end const& end) const {
    execution_facts facts;
    facts.cause = translate(end.cause);
    if (end.reply) {
        switch (end.reply->what) {
            case kernelproto::execute_reply::status::ok:
                facts.reply = reply_status::ok;
                break;
            case kernelproto::execute_reply::status::error:
                facts.reply = reply_status::error;
                break;
            case kernelproto::execute_reply::status::aborted:
                facts.reply = reply_status::aborted;
                break;
        }
        facts.ask_exit = end.reply->ask_exit;
        facts.shell_lost = end.reply->shell_lost;
        if (end.reply->error) {
            facts.error = translate(*end.reply->error);
        } else if (end.reply->exit_with && facts.reply == reply_status::ok) {
            // As sys.exit(n) is told, which the program meant.
            facts.reply = reply_status::error;
            facts.error = raised_error{"SystemExit", *end.reply->exit_with, {}};
        }
    }
    if (!facts.error) {
        facts.error = what_->collector->collected().error();
    }
    // One that is left to the next broker goes on, whatever it was told before.
    bool const left = what_->given_up && end.cause == kernelproto::end_cause::abandoned;
    facts.timed_out = what_->timed_out && !left;
    facts.exit_overdue = exit_overdue_;
    facts.files_too_deep = files_too_deep_;
    facts.files_too_many = files_too_many_;
    facts.interrupted = what_->interrupted && !left;
    facts.restarted = what_->restarted;
    facts.watched_by_another = followed_;
    facts.cancelled = what_->cancelled;
    facts.deleted = what_->deleted;
    facts.killed = what_->killed;
    facts.timeout_s = what_->timeout_s;
    add_evidence(*kernel_, facts);
    return facts;
}

/// What takes more than a moment is made and written on the pool. What it is made of is given away
/// before: whoever looks meanwhile reads the log.
task<> keep_outputs(service_context& context, std::shared_ptr<pending_execution> what) {
    bool const is_long = what->collector->collected().held_bytes() > rendered_on_loop_bytes;
    if (!is_long) {
        what->view.output = what->collector->collected().render();
        what->outputs_json = outputs_members(what->view.output);
        if (what->outputs_json.size() <= result_in_table_bytes) {
            co_return;
        }
    }
    // A disk that fails shows now, while everything is still at hand.
    co_await what->log->flushed();
    bool const in_log = what->collector->log_tells_all() && !what->log->broken();
    what->result = in_log ? result_place::log : result_place::table;
    if (is_long) {
        if (!what->view.execution_count) {
            what->view.execution_count = what->collector->execution_count();
        }
        auto const collector = std::exchange(what->collector, nullptr);
        std::tie(what->view.output,
                 what->outputs_json) = co_await offload(context.pool, [collector, in_log] {
            auto output = in_log ? collector->collected().take() : collector->collected().render();
            auto members = in_log ? std::string() : outputs_members(output);
            return std::pair(std::move(output), std::move(members));
        });
    }
    if (!in_log) {
        bool const kept = co_await offload(context.pool, [&files = context.files, what] {
            return files.write_result(what->view.id, what->outputs_json).has_value();
        });
        if (kept) {
            what->result = result_place::file;
        } else {
            context.log.error("result_not_kept", {{"execution", what->view.id.str()}});
        }
    }
}

void conclude_unheard(pending_execution& what, session const& where, moment now) {
    execution_facts facts;
    bool const was_sent = what.view.state == execution_state::running;
    facts.cause = was_sent ? end_cause::abandoned : end_cause::never_sent;
    facts.timed_out = what.timed_out;
    facts.cancelled = what.cancelled;
    facts.deleted = what.deleted;
    facts.timeout_s = what.timeout_s;
    if (what.refused && !what.cancelled) {
        facts.start_failure = what.refused->detail;
    }
    if (!was_sent) {
        auto const would_be = where.life.peek(what.view.language);
        what.view.started_on = would_be.state;
        what.view.reason = would_be.reason;
        what.view.generation = would_be.generation;
    }
    apply(judge(facts), what.view);
    seal(what, now);
}

void seal(pending_execution& what, moment now) {
    auto& view = what.view;
    if (!what.summary_json.empty()) {
        return;
    }
    view.ended_at = now.wall;
    view.duration_ms =
        std::chrono::duration_cast<std::chrono::milliseconds>(now.steady - what.accepted).count();
    what.summary_json = summary_json(view);
    if (what.outputs_json.empty() && what.result == result_place::table) {
        what.outputs_json = outputs_members(view.output);
    }
}

execution_facts facts_of_idle_end(live_kernel const& kernel) {
    execution_facts facts;
    facts.cause = end_cause::kernel_died;
    add_evidence(kernel, facts);
    return facts;
}

namespace {

void add_ended(pending_execution const& what, execution_row& row) {
    row.summary_json = what.summary_json;
    row.result_in_file = what.result == result_place::file;
    if (what.result == result_place::file) {
        row.file_bytes += what.outputs_json.size();
    } else if (what.result == result_place::table) {
        row.outputs_json = what.outputs_json;
    }
    auto const& log = *what.log;
    if (log.broken() && what.result != result_place::log) {
        row.events_at = events_place::none;
    } else if (log.in_file()) {
        row.events_at = events_place::file;
        row.file_bytes += log.bytes();
    } else {
        row.events_at = events_place::table;
        row.events = log.records();
    }
}

}  // namespace

execution_row row_of(pending_execution const& what, session const& where) {
    auto const& view = what.view;
    execution_row row;
    row.id = view.id;
    row.session = where.row.id;
    row.stage =
        view.state == execution_state::done ? execution_stage::done : execution_stage::queued;
    row.code_sha256 = what.code_sha256;
    row.language = view.language;
    row.timeout_s = what.timeout_s;
    row.silent = what.options.silent;
    row.store_history = what.options.store_history;
    row.collect_files = what.options.collect_files;
    row.allow_stdin = what.options.allow_stdin;
    row.idempotency_key = what.options.idempotency_key;
    row.request_sha256 = what.request_sha256;
    row.queued_at = view.queued_at;
    row.started_at = view.started_at;
    row.ended_at = view.ended_at;
    row.deadline = what.deadline;
    row.began = {view.started_on, view.reason, view.generation};
    row.what = view.what;
    if (view.state == execution_state::done) {
        add_ended(what, row);
    }
    return row;
}

}  // namespace broker
