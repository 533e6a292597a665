// SPDX-License-Identifier: Apache-2.0
// One session while the broker runs: its row, its life, its queue, its workspace, and its kernels,
// one for each language in use. Never acts by itself: `session_runner` works its queue, `sessions`
// opens and closes it. On the loop; held by the table and by every coroutine that is about it.
#pragma once

#include "broker/base/async_event.hpp"
#include "broker/core/execution.hpp"
#include "broker/core/hash_cache.hpp"
#include "broker/core/session_life.hpp"
#include "broker/core/workspace_diff.hpp"
#include "broker/runtime/workspace_store.hpp"
#include "broker/service/event_collector.hpp"
#include "broker/service/event_log.hpp"
#include "broker/service/live_kernel.hpp"
#include "broker/store/rows.hpp"

#include <algorithm>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace broker {

/// Where the outputs of an execution that has ended are, for later readers.
enum class result_place : std::uint8_t { table, file, log };

/// An execution from its acceptance to its end; readers and waiters hold it beyond that.
struct pending_execution {
    pending_execution(boost::asio::any_io_executor executor, execution_options asked)
        : options(std::move(asked)), done(executor) {}

    execution_options options;
    std::string code_sha256;
    std::string request_sha256;  // with its options; only where there is a key
    execution view;
    std::shared_ptr<event_log> log;
    /// What it has put out, from the moment it is sent until it is made into long outputs.
    std::shared_ptr<event_collector> collector;
    double timeout_s = 0;
    steady_time accepted;
    /// Counts the time in the queue, not the start of a kernel.
    steady_time deadline;
    bool queued = true;
    bool promised = false;   // a client was told its id, and will come back for it
    bool kept = false;       // in the table with its code: if it is not sent, the next broker does
    bool inherited = false;  // it waited in an earlier broker already
    unsigned clients = 1;    // who sent it and have not left
    bool listening = false;  // the kernel runs it
    bool timed_out = false;
    bool interrupted = false;
    bool restarted = false;  // its session gets a new kernel
    bool cancelled = false;
    bool deleted = false;  // with its session
    bool killed = false;
    bool given_up = false;  // the broker ends: it is left to the next one
    /// Nothing ran: the request itself is answered with this.
    std::optional<failure> refused;
    /// Once it has ended, as the store keeps it: see `execution_row`.
    std::string summary_json;
    std::string outputs_json;  // may be empty when the log has it
    result_place result = result_place::table;
    async_event done;
};

/// One language of a session, and its kernel if there is one.
struct kernel_slot {
    explicit kernel_slot(std::string its) : language(std::move(its)) {}

    std::string const language;
    std::shared_ptr<live_kernel> kernel;
    std::weak_ptr<live_kernel> starting;
    /// Put away: no longer the session's, and its sandbox may still live.
    std::shared_ptr<live_kernel> ending;
    bool restart_wanted = false;  // by a client: the end of the kernel is no crash
};

struct session {
    session(session_row stored, session_life its_life)
        : row(std::move(stored)), life(std::move(its_life)) {}

    session_row row;
    session_life life;

    std::deque<std::shared_ptr<pending_execution>> queue;  // waiting, in order
    std::shared_ptr<pending_execution> running;
    bool worked = false;    // a coroutine works the queue
    unsigned finished = 0;  // executions, in this run of the broker
    std::uint64_t unpruned_bytes = 0;
    /// A kernel of the session's own language is wanted before there is an execution.
    bool warming = false;
    /// Raised when the start that is wanted or under way has come to an end.
    std::shared_ptr<async_event> warmed;
    std::optional<failure> not_warmed;

    /// By language; none goes before the session does.
    std::map<std::string, std::shared_ptr<kernel_slot>, std::less<>> slots;
    /// Kernels of an earlier broker that are being heard out.
    unsigned adopting = 0;

    /// Open while there is a kernel or a file call, and some seconds longer.
    std::shared_ptr<workspace> files;
    bool mounted = false;  // or may be
    steady_time files_wanted_at;
    /// As after the last execution and the file calls since; absent: unknown, or being taken.
    std::optional<workspace_snapshot> snapshot;
    bool looking = false;                          // a snapshot is being taken
    std::vector<client_change> changed_meanwhile;  // while it is
    /// Versions of others that were put into it, by path, in this run of the broker.
    std::map<std::string, file_version_id> placed;
    hash_cache hashes;  // lent to one job at a time; a second job gets an empty one
    /// A file call of a client has its turn on `file_pool` until this is raised.
    std::shared_ptr<async_event> in_turn;

    /// A mount or unmount is under way until this is raised; whoever wants the files waits for it.
    std::shared_ptr<async_event> mounting;

    /// Calls that meant to leave something in it, in this run of the broker.
    unsigned uses = 0;

    /// Made by an execution, and there has been neither a kernel nor a file call: if it fails,
    /// there is nothing to keep.
    bool unclaimed = false;

    bool closing = false;
    bool gone = false;  // deleted, with everything of it
    /// An attempt to remove everything of it is under way until this is raised.
    std::shared_ptr<async_event> removing;
    unsigned failed_removals = 0;
    steady_time remove_again_at;

    /// Raised when neither the worker nor an adoption holds the session; see `rest`.
    std::shared_ptr<async_event> resting;

    /// The start that is wanted or was under way has come to an end, well or not.
    void end_warming(std::optional<failure> why) {
        if (auto const waited_for = std::exchange(warmed, nullptr)) {
            not_warmed = std::move(why);
            waited_for->raise();
        }
    }

    /// What to wait for while the worker or an adoption holds the session.
    std::shared_ptr<async_event> until_resting(boost::asio::any_io_executor executor) {
        if (!resting) {
            resting = std::make_shared<async_event>(std::move(executor));
        }
        return resting;
    }

    /// To be called where `worked` or `adopting` ends.
    void rest() {
        if (!worked && adopting == 0) {
            if (auto const waited_for = std::exchange(resting, nullptr)) {
                waited_for->raise();
            }
        }
    }

    std::shared_ptr<kernel_slot> const& slot(std::string const& language) {
        auto& its = slots[language];
        if (!its) {
            its = std::make_shared<kernel_slot>(language);
        }
        return its;
    }
    std::shared_ptr<kernel_slot> const& slot_of(pending_execution const& what) {
        return slot(what.view.language);
    }
    std::shared_ptr<kernel_slot> const& own_slot() { return slot(row.language); }

    /// The one whose sandbox is shown for all: they differ in nothing that is shown.
    live_kernel const* shown_kernel() const {
        for (auto const& [language, its] : slots) {
            if (its->kernel) {
                return its->kernel.get();
            }
        }
        return nullptr;
    }
    bool has_kernel() const { return shown_kernel() != nullptr; }
    /// A kernel that a client wants to be another, if there is one.
    std::shared_ptr<kernel_slot> to_be_restarted() const {
        auto const found = std::find_if(slots.begin(), slots.end(), [](auto const& one) {
            return one.second->kernel && one.second->restart_wanted;
        });
        return found == slots.end() ? nullptr : found->second;
    }
    bool is_ending() const {
        return std::any_of(slots.begin(), slots.end(),
                           [](auto const& one) { return one.second->ending != nullptr; });
    }

    /// No doing of any execution.
    void changed_by_client(client_change change) {
        if (snapshot) {
            absorb(change, *snapshot);
        } else if (looking) {
            changed_meanwhile.push_back(std::move(change));
        }
    }

    /// The kernel of a slot is the session's no longer; whoever gets it ends it, and calls
    /// `forget_ended` then. Nothing where there is none.
    std::shared_ptr<live_kernel> give_away(kernel_slot& its, state_reason why) {
        if (!its.kernel) {
            return nullptr;
        }
        its.ending = std::exchange(its.kernel, nullptr);
        life.on_kernel_gone(its.language, why);
        return its.ending;
    }

    /// To be called when those that were put away have ended.
    void forget_ended(std::vector<std::shared_ptr<live_kernel>> const& which) {
        for (auto const& [language, its] : slots) {
            if (std::find(which.begin(), which.end(), its->ending) != which.end()) {
                its->ending.reset();
            }
        }
    }

    /// `row` with the life as it is now: what the store gets.
    session_row stored() const {
        auto copy = row;
        copy.life = life.record();
        return copy;
    }
};

}  // namespace broker
