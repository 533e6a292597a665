// SPDX-License-Identifier: Apache-2.0
// From facts to words: what the client was doing to it comes first (deletion, deadline, interrupt),
// then how the kernel ended, then what the kernel said. Never a guess where evidence is missing.
// Pure.
#include "broker/core/verdict.hpp"

#include "broker/core/exit_words.hpp"

#include <fmt/format.h>

#include <utility>

namespace broker {
namespace {

constexpr int exit_timeout = 124;
constexpr int exit_interrupted = 130;
constexpr int exit_killed = 137;

/// How a kernel that is gone has ended, in all the words there are for it.
struct kernel_end {
    int exit_code = exit_killed;
    death cause;
    state_reason reason = state_reason::crash;
};

kernel_end of_link(execution_facts const& facts) {
    if (facts.link == link_fault::too_much) {
        return {exit_killed,
                {death_kind::unresponsive,
                 "the kernel sent one message above the size limit and was replaced"},
                state_reason::output_limit};
    }
    if (facts.link == link_fault::backlog) {
        return {exit_killed,
                {death_kind::unresponsive,
                 "the kernel sent messages faster than they could be read and was replaced"},
                state_reason::output_limit};
    }
    if (facts.link == link_fault::refused) {
        return {exit_killed,
                {death_kind::unresponsive,
                 "the kernel's sockets were tampered with and it was replaced"},
                state_reason::protocol};
    }
    if (facts.cause == end_cause::kernel_replaced) {
        return {exit_killed,
                {death_kind::unresponsive, "the kernel process was exchanged for another one"},
                state_reason::crash};
    }
    return {exit_killed,
            {death_kind::unresponsive, "the kernel no longer answers on its sockets"},
            state_reason::unresponsive};
}

kernel_end of_evidence(execution_facts const& facts) {
    if (facts.lost_by) {
        bool const host = *facts.lost_by == state_reason::host_restart;
        return {exit_killed,
                {death_kind::runtime_lost,
                 host ? "the host was restarted" : "the sandbox was removed from outside"},
                *facts.lost_by};
    }
    if (!facts.sandbox || !facts.sandbox->wait_status) {
        return {exit_killed,
                {death_kind::runtime_lost, "the sandbox is gone and nobody saw it end"},
                state_reason::runtime_lost};
    }
    auto const ended = process_end_of(*facts.sandbox->wait_status);
    int const code = ended.exit_code();
    if (ended.signal == 9 && facts.sandbox->oom_kills > 0) {
        return {code,
                {death_kind::oom, "the session used more memory than its limit allows"},
                state_reason::oom};
    }
    if (ended.signal == 6 && facts.sandbox->pids_denied > 0) {
        return {code,
                {death_kind::pids, "the session reached its limit of processes"},
                state_reason::crash};
    }
    if (ended.signal != 0) {
        return {code,
                {death_kind::signal,
                 fmt::format("the kernel was ended by {}", signal_words(ended.signal))},
                state_reason::crash};
    }
    return {code,
            {death_kind::exit, fmt::format("the kernel ended itself with status {}", code)},
            state_reason::exit};
}

bool kernel_is_gone(execution_facts const& facts) {
    return facts.cause == end_cause::kernel_died || facts.cause == end_cause::kernel_replaced ||
           facts.cause == end_cause::unreachable || facts.killed || facts.ask_exit ||
           facts.link.has_value() || facts.sandbox.has_value() || facts.lost_by.has_value();
}

/// Only for a kernel that is gone. What the link saw comes before the wait status: the broker ends
/// such a kernel itself, and its status would only say so.
kernel_end end_of(execution_facts const& facts) {
    bool const died = facts.cause == end_cause::kernel_died || facts.lost_by.has_value();
    if (facts.ask_exit && facts.exit_overdue) {
        return {0,
                {death_kind::exit, "the kernel was to end by exit(), did not, and was ended"},
                state_reason::exit};
    }
    if (facts.ask_exit && !died && !facts.link && !facts.sandbox) {
        // The reply was heard and the process ends next.
        return {0, {death_kind::exit, "the kernel was told to end by exit()"}, state_reason::exit};
    }
    bool const link_first =
        facts.link == link_fault::too_much || facts.link == link_fault::backlog ||
        facts.link == link_fault::refused || facts.cause == end_cause::kernel_replaced ||
        facts.cause == end_cause::unreachable;
    if (link_first && !facts.lost_by) {
        return of_link(facts);
    }
    return of_evidence(facts);
}

std::string_view kept_words(execution_facts const& facts, bool kept) {
    return kept                    ? "the variables were kept"
           : kernel_is_gone(facts) ? "the kernel had to be ended and the variables are gone"
                                   : "the shell ended with it and the variables are gone";
}

verdict lost(outcome what, int exit_code, kernel_end end) {
    verdict v;
    v.what = what;
    v.exit_code = exit_code;
    v.next_reason = end.reason;
    v.variables_kept = false;
    v.died_of = std::move(end.cause);
    return v;
}

/// The kernel lives, but what a session is about has gone with its shell: as good as a new kernel,
/// which the next execution gets and is told.
void end_shell(execution_facts const& facts, verdict& v) {
    if (facts.shell_lost) {
        auto const end = facts.error ? program_end_of(*facts.error) : std::nullopt;
        v.variables_kept = false;
        v.next_reason = end && end->by_signal ? state_reason::crash : state_reason::exit;
    }
}

verdict stopped(outcome what, int exit_code, execution_facts const& facts) {
    if (!kernel_is_gone(facts)) {
        verdict v{.what = what, .exit_code = exit_code};
        end_shell(facts, v);
        return v;
    }
    if (facts.killed) {
        kernel_end end{exit_code,
                       {death_kind::timeout, "the kernel did not stop when it was interrupted"},
                       state_reason::timeout_kill};
        return lost(what, exit_code, std::move(end));
    }
    return lost(what, exit_code, end_of(facts));
}

/// The end of its kernel is the deletion's doing and no death, and no next execution is told of it.
verdict judge_deleted(execution_facts const& facts) {
    constexpr auto words = "the session was deleted, and its files with it";
    verdict v;
    v.variables_kept = false;
    if (facts.timed_out) {
        v.what = outcome::timeout;
        v.exit_code = exit_timeout;
        v.note = fmt::format("the time limit of {} s was reached; {}", facts.timeout_s, words);
        return v;
    }
    v.what = outcome::cancelled;
    v.exit_code = exit_interrupted;
    v.note = fmt::format("it was cancelled{}; {}",
                         facts.cause == end_cause::never_sent ? " before it ran" : "", words);
    return v;
}

verdict never_ran(execution_facts const& facts) {
    verdict v;
    if (facts.timed_out) {
        v.what = outcome::timeout;
        v.exit_code = exit_timeout;
        v.note = fmt::format(
            "the time limit of {} s passed while it waited; nothing ran and the variables were "
            "kept",
            facts.timeout_s);
    } else if (facts.start_failure) {
        v.what = outcome::died;
        v.exit_code = exit_killed;
        v.variables_kept = false;
        v.died_of = death{death_kind::runtime_lost, *facts.start_failure};
        v.note = *facts.start_failure;
    } else {
        v.what = outcome::cancelled;
        v.exit_code = exit_interrupted;
        v.note = "it was cancelled before it ran";
    }
    return v;
}

/// The kernel lives on and has spoken, or has said nothing where it should have.
verdict by_reply(execution_facts const& facts) {
    verdict v;
    if (facts.error) {
        auto const& error = *facts.error;
        if (auto const end = program_end_of(error)) {
            v.exit_code = end->exit_code;
            v.note = end->note;
        } else {
            v.exit_code =
                error.ename == "SystemExit" ? system_exit_status(error.evalue).value_or(1) : 1;
        }
        v.what = *v.exit_code == 0 ? outcome::ok : outcome::error;
        if (facts.memory_kill) {
            v.note =
                "a process of it was killed: the session used more memory than its limit "
                "allows";
        }
    } else if (facts.reply == reply_status::ok) {
        v.exit_code = 0;
    } else if (facts.reply == reply_status::aborted) {
        v.what = outcome::cancelled;
        v.exit_code = exit_interrupted;
        v.note = "the kernel skipped it";
    } else {
        v.what = outcome::error;
        v.exit_code = 1;
        v.note = "the kernel ended it without an answer; its error could not be told";
    }
    end_shell(facts, v);
    return v;
}

verdict judge_stopped(execution_facts const& facts) {
    if (facts.timed_out) {
        auto v = stopped(outcome::timeout, exit_timeout, facts);
        v.note = fmt::format("the time limit of {} s was reached; {}", facts.timeout_s,
                             kept_words(facts, v.variables_kept));
        return v;
    }
    auto v = stopped(facts.cancelled ? outcome::cancelled : outcome::interrupted, exit_interrupted,
                     facts);
    v.note = fmt::format("{}; {}", facts.cancelled ? "it was cancelled" : "it was interrupted",
                         kept_words(facts, v.variables_kept));
    return v;
}

}  // namespace

verdict judge(execution_facts const& facts) {
    if (facts.cause == end_cause::never_sent) {
        return facts.deleted ? judge_deleted(facts) : never_ran(facts);
    }
    verdict v;
    if (facts.deleted) {
        v = judge_deleted(facts);
    } else if (facts.restarted) {
        v.what = outcome::interrupted;
        v.exit_code = exit_interrupted;
        v.variables_kept = false;
        v.next_reason = state_reason::restart_requested;
        v.note = "the session was restarted; the variables are gone";
    } else if (facts.timed_out || facts.interrupted || facts.cancelled) {
        v = judge_stopped(facts);
    } else if (kernel_is_gone(facts)) {
        auto end = end_of(facts);
        int const code = end.exit_code;
        v = lost(outcome::died, code, std::move(end));
        v.note = fmt::format("{}; the variables are gone", v.died_of->detail);
    } else if (facts.cause == end_cause::abandoned || facts.cause == end_cause::ended_unheard) {
        v.what = outcome::unknown;
        v.note = "the broker was not there when it ended; how it ended is not known";
    } else {
        v = by_reply(facts);
    }
    if (facts.files_too_deep || facts.files_too_many) {
        v.note +=
            fmt::format("{}files {} were left in the workspace and are not told or kept",
                        v.note.empty() ? "" : "; ",
                        facts.files_too_deep ? "deeper than 32 folders" : "beyond the first 20000");
    }
    v.output_incomplete =
        facts.watched_by_another || facts.cause == end_cause::reply_without_idle ||
        facts.cause == end_cause::abandoned || facts.cause == end_cause::ended_unheard;
    return v;
}

}  // namespace broker
