// SPDX-License-Identifier: Apache-2.0
// Executions, as facades ask for them: accepted, waited for, read, interrupted. Never a second copy
// of a rule of `core`. On the loop; what is long is rendered and read on the pool.
#include "broker/base/sha256.hpp"
#include "broker/core/event_replay.hpp"
#include "broker/core/execution_text.hpp"
#include "broker/service/execution_run.hpp"
#include "broker/service/revival.hpp"
#include "broker/service/service.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

namespace broker {
namespace {

/// A millisecond's work; more is done on the pool.
constexpr std::size_t done_on_loop_bytes = std::size_t{1} << 20;

std::string hash_of(std::string const& text) {
    sha256 hash;
    hash.add(text);
    return to_hex(hash.finish());
}

/// Two requests that ask for the same.
std::string hash_of(execution_options const& asked, std::string const& code_sha256) {
    auto all = fmt::format("{} {} {} {:d}{:d}{:d}{:d}", code_sha256, asked.language,
                           asked.timeout_s.value_or(0), asked.silent, asked.store_history,
                           asked.collect_files, asked.allow_stdin);
    for (auto const& word : asked.argv) {
        all += fmt::format(" {}:{}", word.size(), word);
    }
    return hash_of(all);
}

/// It is being taken up from an earlier broker, or its end could not be stored.
failure not_at_hand() {
    return fail(errc::draining, "the execution is not at hand yet; try again in a moment");
}

failure outputs_gone() {
    return fail(errc::execution_expired, "the outputs of this execution are gone");
}

failure not_found() { return fail(errc::execution_not_found, "there is no execution of that id"); }

std::shared_ptr<pending_execution> with_key(session const& where, std::string const& key) {
    auto const has_it = [&key](auto const& one) {
        return one && one->options.idempotency_key == key;
    };
    if (has_it(where.running)) {
        return where.running;
    }
    auto const waiting = std::find_if(where.queue.begin(), where.queue.end(), has_it);
    return waiting == where.queue.end() ? nullptr : *waiting;
}

execution seen_now(pending_execution const& what) {
    auto view = what.view;
    if (what.collector) {
        view.execution_count = what.collector->execution_count();
    }
    return view;
}

/// What a long log holds, without keeping the loop from its work.
task<result<rendered_outputs>> replayed_outputs(service_context& context,
                                                std::shared_ptr<event_log> log,
                                                output_limits limits) {
    auto const folded = std::make_shared<outputs>(limits);
    event_reader reader(std::move(log), 0, false);
    for (bool more = true; more;) {
        auto got = co_await reader.next(steady_time::max());
        if (!got) {
            co_return got.error();
        }
        more = !got->ended;
        (void)co_await offload(context.pool, [folded, events = std::move(got->events)] {
            replayed told;
            for (auto const& one : events) {
                replay({one.type, one.data}, *folded, told);
            }
            return true;
        });
    }
    co_return co_await offload(context.pool, [folded] { return folded->render(); });
}

/// An execution that has ended, its outputs made of its events.
task<result<std::string>> text_of_log(service_context& context, std::string summary,
                                      std::shared_ptr<event_log> log) {
    auto output = co_await replayed_outputs(context, std::move(log), no_limits);
    if (!output) {
        co_return output.error();
    }
    co_return co_await offload(
        context.pool,
        [summary = std::move(summary), output = std::move(*output)]() -> result<std::string> {
            return joined(summary, outputs_members(output));
        });
}

}  // namespace

result<std::shared_ptr<pending_execution>> service::accept(session& where,
                                                           execution_options options,
                                                           std::string code_sha256) {
    if (auto const admitted = admit_execution(context_.config.sessions.caps,
                                              static_cast<std::uint32_t>(where.queue.size()));
        !admitted) {
        return admitted.error();
    }
    if (options.language.empty()) {
        options.language = where.row.language;
    }
    if (auto const spoken = sessions_.check_language(where, options.language); !spoken) {
        return spoken.error();
    }
    auto const timeout =
        merge_timeout(options.timeout_field, options.timeout_s, where.row.session_limits.timeout_s,
                      context_.config.limits.maxima.timeout_s);
    if (!timeout) {
        return timeout.error();
    }
    auto const now = context_.clock();
    auto made =
        std::make_shared<pending_execution>(context_.loop.get_executor(), std::move(options));
    made->code_sha256 = std::move(code_sha256);
    made->timeout_s = *timeout;
    made->accepted = now.steady;
    made->deadline = now.steady + steady_seconds(*timeout);
    made->view.id = execution_id::make();
    made->view.session_name = where.row.key.name;
    made->view.language = made->options.language;
    made->view.queued_at = now.wall;
    made->log = std::make_shared<event_log>(context_, made->view.id);
    return made;
}

result<std::optional<execution_ticket>> service::of_key(std::shared_ptr<session> const& where,
                                                        std::string const& key,
                                                        std::string const& request_sha256) {
    execution_ticket found;
    found.joined = true;
    std::string asked;
    if (auto live = with_key(*where, key)) {
        asked = live->request_sha256;
        found.id = live->view.id;
        found.live = {where, std::move(live)};
    } else {
        auto row = context_.store.execution_of_key(where->row.id, key);
        if (!row) {
            return row.error();
        }
        if (!*row) {
            return std::optional<execution_ticket>();
        }
        asked = (*row)->request_sha256;
        found.id = (*row)->id;
        if (auto ended = live_.find(found.id)) {
            found.live = std::move(ended);
        } else if ((*row)->stage != execution_stage::done) {
            return not_at_hand();
        } else {
            found.row = std::move(*row);
        }
    }
    if (asked != request_sha256) {
        return fail(errc::idempotency_mismatch,
                    "this Idempotency-Key was used in this session with another request; use a new "
                    "key for a new request");
    }
    return std::optional(std::move(found));
}

task<result<execution_ticket>> service::submit(session_key key, execution_options options,
                                               bool promised) {
    if (auto const open = admits(work::begins); !open) {
        co_return open.error();
    }
    // Checked before a session is made for a request that cannot run.
    auto const timeout = merge_timeout(options.timeout_field, options.timeout_s,
                                       context_.config.limits.defaults.timeout_s,
                                       context_.config.limits.maxima.timeout_s);
    if (!timeout) {
        co_return timeout.error();
    }
    session_request wish;
    if (!options.language.empty()) {
        wish.language = options.language;
    }
    if (!sessions_.find(key)) {
        auto const language = sessions_.language_of(wish);
        if (!language && language.error().code == errc::unsupported_language) {
            co_return language.error();
        }
        if (auto const startable = co_await can_start(); !startable) {
            co_return startable.error();
        }
    }
    auto code_sha256 = co_await hash_of_code(options.code);
    auto const found = co_await sessions_.find_or_open(std::move(key), std::move(wish));
    if (!found) {
        co_return found.error();
    }
    co_return submit_to(*found, std::move(options), std::move(code_sha256), promised);
}

task<std::string> service::hash_of_code(std::string code) {
    if (code.size() <= done_on_loop_bytes) {
        co_return hash_of(code);
    }
    co_return co_await offload(context_.pool, [code = std::move(code)] { return hash_of(code); });
}

result<execution_ticket> service::submit_to(std::shared_ptr<session> const& where,
                                            execution_options options, std::string code_sha256,
                                            bool promised) {
    ++where->uses;
    if (auto const open = admits(work::begins); !open) {
        return open.error();
    }
    std::string request_sha256;
    if (options.idempotency_key) {
        request_sha256 = hash_of(options, code_sha256);
        auto known = of_key(where, *options.idempotency_key, request_sha256);
        if (!known) {
            return known.error();
        }
        if (*known) {
            if (auto const& live = (*known)->live) {
                ++live.what->clients;
            }
            return std::move(**known);
        }
    }
    auto accepted = accept(*where, std::move(options), std::move(code_sha256));
    if (!accepted) {
        return accepted.error();
    }
    auto const what = *accepted;
    what->request_sha256 = std::move(request_sha256);
    what->promised = promised;
    if (auto const taken = runner_.submit(where, what); !taken) {
        return taken.error();
    }
    return execution_ticket{what->view.id, {where, what}, std::nullopt, false};
}

void service::promise(execution_ticket const& ticket) {
    if (ticket.live) {
        ticket.live.what->promised = true;
    }
}

void service::leave(execution_ticket const& ticket) {
    auto const& what = ticket.live.what;
    if (what && --what->clients == 0) {
        (void)interrupt_execution(ticket);
    }
}

task<result<bool>> service::wait(execution_ticket ticket, std::optional<steady_time> until) {
    if (!ticket.live) {
        co_return true;
    }
    auto const what = ticket.live.what;
    if (!co_await what->done.wait_until(until.value_or(steady_time::max()))) {
        co_return false;
    }
    if (what->refused && !what->promised) {
        co_await drop_unclaimed(ticket.live.where);
        co_return *what->refused;
    }
    co_return what->view.state == execution_state::done;
}

task<result<execution>> service::execute(session_key key, execution_options options) {
    auto ticket = co_await submit(std::move(key), std::move(options), false);
    if (!ticket) {
        co_return ticket.error();
    }
    if (auto const ended = co_await wait(*ticket); !ended) {
        co_return ended.error();
    }
    co_return std::move(ticket->live.what->view);
}

task<result<std::string>> service::text_of(execution_ticket ticket) {
    if (!ticket.live) {
        auto row = std::move(*ticket.row);
        if (!row.result_in_file && !row.outputs_json.empty()) {
            co_return joined(row.summary_json, row.outputs_json);
        }
        if (!row.result_in_file) {
            auto summary = row.summary_json;
            auto log = co_await log_of_ended(context_, std::move(row));
            if (!log) {
                co_return log.error().code == errc::events_expired ? outputs_gone() : log.error();
            }
            co_return co_await text_of_log(context_, std::move(summary), std::move(*log));
        }
        co_return co_await offload(
            context_.pool,
            [&files = context_.files, row = std::move(row)]() -> result<std::string> {
                auto const members = files.read_result(row.id);
                if (!members) {
                    return outputs_gone();
                }
                return joined(row.summary_json, *members);
            });
    }
    auto const what = ticket.live.what;
    if (what->view.state == execution_state::done && !what->summary_json.empty()) {
        if (what->outputs_json.empty()) {
            co_return co_await text_of_log(context_, what->summary_json, what->log);
        }
        if (what->outputs_json.size() <= done_on_loop_bytes) {
            co_return joined(what->summary_json, what->outputs_json);
        }
        co_return co_await offload(context_.pool, [what]() -> result<std::string> {
            return joined(what->summary_json, what->outputs_json);
        });
    }
    auto view = seen_now(*what);
    bool const given_away = view.state == execution_state::running && !what->collector;
    if (given_away ||
        (what->collector && what->collector->collected().held_bytes() > done_on_loop_bytes)) {
        auto output =
            co_await replayed_outputs(context_, what->log, context_.config.executions.output);
        if (!output) {
            co_return output.error();
        }
        view.output = std::move(*output);
        co_return co_await offload(
            context_.pool,
            [view = std::move(view)]() -> result<std::string> { return execution_json(view); });
    }
    if (what->collector) {
        view.output = what->collector->collected().render();
    }
    co_return execution_json(view);
}

task<result<execution_ticket>> service::find_execution(std::string tenant, execution_id id) {
    if (auto const open = admits(work::looks); !open) {
        co_return open.error();
    }
    if (auto live = live_.find(id)) {
        if (live.where->row.key.tenant != tenant || live.where->closing) {
            co_return not_found();
        }
        co_return execution_ticket{std::move(id), std::move(live), std::nullopt, false};
    }
    auto const is_ours = [&](session_id const& of) {
        auto const where = sessions_.find(of);
        return where && where->row.key.tenant == tenant;
    };
    auto row = context_.store.execution(id);
    if (!row) {
        co_return row.error();
    }
    if (*row) {
        if (!is_ours((*row)->session)) {
            co_return not_found();
        }
        if ((*row)->stage != execution_stage::done) {
            co_return not_at_hand();
        }
        co_return execution_ticket{std::move(id), {}, std::move(*row), false};
    }
    auto const pruned = context_.store.pruned_execution(id);
    if (!pruned) {
        co_return pruned.error();
    }
    if (*pruned && is_ours(**pruned)) {
        co_return fail(errc::execution_expired,
                       "this execution has ended too long ago, or too many have ended since");
    }
    co_return not_found();
}

task<result<std::shared_ptr<event_reader>>> service::read_events(execution_ticket ticket,
                                                                 std::uint64_t after, bool follow) {
    std::shared_ptr<event_log> log;
    if (ticket.live) {
        log = ticket.live.what->log;
    } else {
        auto stored = co_await log_of_ended(context_, std::move(*ticket.row));
        if (!stored) {
            co_return stored.error();
        }
        log = std::move(*stored);
    }
    co_return std::make_shared<event_reader>(std::move(log), after, follow);
}

result<void> service::interrupt_execution(execution_ticket const& ticket) {
    if (ticket.has_ended()) {
        return fail(errc::already_ended, "the execution has ended; nothing is left to interrupt");
    }
    runner_.interrupt(ticket.live.where, ticket.live.what);
    return {};
}

result<void> service::answer_input(execution_ticket const& ticket, std::string value) {
    auto const& live = ticket.live;
    bool const wanted = live && live.what->listening && live.what->collector &&
                        live.what->collector->wants_input() &&
                        live.where->slot_of(*live.what)->kernel;
    if (!wanted) {
        return fail(errc::no_input_wanted, "the execution does not wait for input now");
    }
    live.what->collector->input_given();
    live.where->slot_of(*live.what)->kernel->connection().answer_input(std::move(value));
    return {};
}

task<result<execution_page>> service::list_executions(session_key key, std::size_t limit,
                                                      std::optional<execution_id> before) {
    if (auto const open = admits(work::looks); !open) {
        co_return open.error();
    }
    auto const where = sessions_.find(key);
    if (!where) {
        co_return fail(errc::session_not_found, "there is no session of that id");
    }
    auto rows = context_.store.executions(where->row.id, limit + 1, before ? &*before : nullptr);
    if (!rows) {
        co_return rows.error();
    }
    execution_page page;
    if (rows->size() > limit) {
        rows->pop_back();
        page.next = rows->back().id;
    }
    for (auto const& row : *rows) {
        if (auto const live = live_.find(row.id)) {
            page.executions.push_back(summary_json(seen_now(*live.what)));
        } else if (!row.summary_json.empty()) {
            page.executions.push_back(row.summary_json);
        }
    }
    co_return page;
}

task<result<bool>> service::interrupt_session(session_key key) {
    if (auto const open = admits(work::looks); !open) {
        co_return open.error();
    }
    auto const where = sessions_.find(key);
    if (!where) {
        co_return fail(errc::session_not_found, "there is no session of that id");
    }
    auto const running = where->running;
    if (!running || !running->listening) {
        co_return false;
    }
    runner_.interrupt(where, running);
    co_return true;
}

task<result<session_view>> service::restart_session(session_key key) {
    if (auto const open = admits(work::begins); !open) {
        co_return open.error();
    }
    auto const where = sessions_.find(key);
    if (!where) {
        co_return fail(errc::session_not_found, "there is no session of that id");
    }
    if (auto const restarted = co_await runner_.restart(where); !restarted) {
        co_return restarted.error();
    }
    co_return co_await view_of(where);
}

}  // namespace broker
