// SPDX-License-Identifier: Apache-2.0
// One session while the broker runs: its row, its life, its queue, its workspace, and its kernel if
// it has one. Never acts by itself: `session_runner` works its queue, `sessions` opens and closes
// it. On the loop; held by the table and by every coroutine that is about it.
#pragma once

#include "broker/base/async_event.hpp"
#include "broker/core/execution.hpp"
#include "broker/core/hash_cache.hpp"
#include "broker/core/session_life.hpp"
#include "broker/core/workspace_diff.hpp"
#include "broker/runtime/workspace_store.hpp"
#include "broker/service/live_kernel.hpp"
#include "broker/store/rows.hpp"

#include <deque>
#include <memory>
#include <optional>

namespace broker {

/// An execution from its acceptance to its end.
struct pending_execution {
    pending_execution(boost::asio::any_io_executor executor, execution_options asked)
        : options(std::move(asked)), done(executor) {}

    execution_options options;
    std::string code_sha256;
    execution view;
    double timeout_s = 0;
    steady_time accepted;
    /// Counts the time in the queue, not the start of a kernel.
    steady_time deadline;
    bool queued = true;
    bool timed_out = false;
    bool cancelled = false;
    bool deleted = false;  // with its session
    bool killed = false;
    bool given_up = false;  // the broker ends: it is left to the next one
    /// Nothing ran: the request itself is answered with this.
    std::optional<failure> refused;
    async_event done;
};

struct session {
    session(session_row stored, session_life its_life) : row(std::move(stored)), life(its_life) {}

    session_row row;
    session_life life;

    std::deque<std::shared_ptr<pending_execution>> queue;  // waiting, in order
    std::shared_ptr<pending_execution> running;
    bool worked = false;    // a coroutine works the queue
    unsigned finished = 0;  // executions, in this run of the broker
    bool warming = false;   // a kernel is wanted before there is an execution

    std::shared_ptr<live_kernel> kernel;
    std::weak_ptr<live_kernel> starting;
    /// Put away: no longer the session's, and its sandbox may still live.
    std::shared_ptr<live_kernel> ending;
    /// A kernel of an earlier broker is being heard out.
    bool adopting = false;

    /// Open while there is a kernel or a file call, and some seconds longer.
    std::shared_ptr<workspace> files;
    bool mounted = false;  // or may be
    steady_time files_wanted_at;
    /// As after the last execution or file call; absent: unknown.
    std::optional<workspace_snapshot> snapshot;
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

    /// To be called where `worked` or `adopting` becomes false.
    void rest() {
        if (resting && !worked && !adopting) {
            resting->raise();
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
