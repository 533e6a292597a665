// SPDX-License-Identifier: Apache-2.0
// What an execution's end means: its outcome, its exit code, what the next call will find and the
// words for it. Never looks anything up: the facts come in, the verdict goes out. Pure.
#pragma once

#include "broker/core/execution.hpp"
#include "broker/core/words.hpp"

#include <cstdint>
#include <optional>
#include <string>

namespace broker {

/// Why the execution is no longer watched.
enum class end_cause : std::uint8_t {
    complete,            // reply and idle were heard
    reply_without_idle,  // output may be missing
    idle_without_reply,  // the kernel failed to answer
    kernel_died,         // the process ended
    kernel_replaced,     // another kernel answers on its sockets
    unreachable,         // its sockets are closed or mute, and the process lived when asked
    abandoned,           // given up by its owner
    ended_unheard,       // over before a later broker listened
    never_sent,          // ended in the queue, or no kernel could be started
};

enum class reply_status : std::uint8_t { none, ok, error, aborted };

/// Why the link of a kernel failed, where it did.
enum class link_fault : std::uint8_t {
    refused,   // a socket was not what it has to be
    too_much,  // a message above the limit
    backlog,   // more messages than could be read
    lost,      // closed, or ZMTP broken
};

/// What the sandbox's monitor recorded.
struct sandbox_evidence {
    std::optional<int> wait_status;  // raw, wait(2); absent: nobody saw it end
    std::uint64_t oom_kills = 0;
    std::uint64_t pids_denied = 0;
};

struct execution_facts {
    end_cause cause = end_cause::complete;
    reply_status reply = reply_status::none;
    /// From the reply, or from iopub where the reply has none.
    std::optional<raised_error> error;
    bool ask_exit = false;        // exit() or quit(): the kernel ends by itself
    bool exit_overdue = false;    // it did not, and the broker ended it
    bool files_too_deep = false;  // it made files that no path of the API can name
    bool files_too_many = false;  // more than one look takes in
    bool memory_kill = false;     // the kernel lives, and a process beside it was killed for memory
    bool shell_lost = false;      // the cell ended the shell that kept its session's variables
    bool timed_out = false;       // its deadline passed before it ended, whatever it did then
    bool interrupted = false;     // a client asked for the interrupt, before it ended
    bool cancelled = false;       // taken from the queue, or its session is deleted
    bool restarted = false;       // a client asked for a new kernel
    bool deleted = false;         // its session is deleted: nothing of it is kept, whatever it did
    bool killed = false;  // the broker ended the kernel, because of the deadline or interrupt
    /// The kernel could not be started, and nothing ran; the sentence for the client.
    std::optional<std::string> start_failure;
    std::optional<link_fault> link;
    /// Present when the sandbox has ended.
    std::optional<sandbox_evidence> sandbox;
    /// Another process of the host, or the host, took the sandbox: found at boot.
    std::optional<state_reason> lost_by;
    /// An earlier broker sent it, and this one may not have heard all of it.
    bool watched_by_another = false;
    double timeout_s = 0;  // for the sentence
};

struct verdict {
    outcome what = outcome::ok;
    std::optional<int> exit_code;  // absent when unknown
    std::optional<death> died_of;
    /// Set when the variables are gone and the session is not: what the next execution will be
    /// told.
    std::optional<state_reason> next_reason;
    bool variables_kept = true;
    bool output_incomplete = false;
    /// One line for stderr of the simple dialects, without a newline; empty when there is nothing
    /// to say.
    std::string note;
};

verdict judge(execution_facts const& facts);

}  // namespace broker
