// SPDX-License-Identifier: Apache-2.0
// Works the queue of a session: one execution at a time, on the kernel of its language, which is
// started when needed.
// Never sends code before its row says so, and never lets an execution end without a verdict.
// On the loop; its coroutines hold the session they work for.
#pragma once

#include "broker/core/admission.hpp"
#include "broker/service/context.hpp"
#include "broker/service/live_executions.hpp"
#include "broker/service/session.hpp"

#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <vector>

namespace broker {

class session_runner {
public:
    session_runner(service_context& context, live_executions& live)
        : context_(context), live_(live) {}

    /// Queues an execution that was admitted and stored, and wakes the worker.
    result<void> submit(std::shared_ptr<session> const& where,
                        std::shared_ptr<pending_execution> const& what);

    /// Starts a kernel of the session's own language before the first execution comes; a failure
    /// shows at that execution.
    void warm(std::shared_ptr<session> const& where);

    /// Wakes the worker of a session whose adoption is over.
    void wake(std::shared_ptr<session> const& where);

    /// Interrupts it, or takes it from the queue; nothing when it has ended, or is about to.
    void interrupt(std::shared_ptr<session> const& where,
                   std::shared_ptr<pending_execution> const& what);

    /// Ends every kernel and starts one of the session's own language on the same files; what runs
    /// ends as interrupted, what waits goes on waiting. Returns when it is ready.
    task<result<void>> restart(std::shared_ptr<session> where);

    /// One of an earlier broker, which is to be found from now on. What waited there waits on here;
    /// what was sent is to be followed or finished.
    void take_up(std::shared_ptr<session> const& where,
                 std::shared_ptr<pending_execution> const& what);

    /// Goes on with one that an earlier broker has sent, on the kernel that was found alive, when
    /// no other one runs. Returns when it has ended.
    task<> follow(std::shared_ptr<session> where, std::shared_ptr<pending_execution> what);

    /// Ends everything that waits or runs in `where`, which is being deleted, as cancelled.
    void cancel_all(session& where);

    /// The broker ends. What waits is left to the next broker where somebody will ask for it, else
    /// refused; what runs is answered as `unknown` and left too: the next broker hears it out.
    void give_up(session& where);

    /// Mounts the workspace of a session that has none mounted, making it at first use. One that
    /// was made and is not there any more is lost, and the next execution is told.
    task<result<void>> open_workspace(std::shared_ptr<session> where);

    /// The same for a kernel that lives on its files: `file_not_found` when they are lost.
    task<result<void>> reopen_workspace(std::shared_ptr<session> where);

    /// Watches a kernel that was given to a session, so that its end is known while nothing runs.
    void watch_kernel(std::shared_ptr<session> const& where,
                      std::shared_ptr<kernel_slot> const& slot);

    /// Ends an execution that ran on a kernel of an earlier broker which is gone, or was queued in
    /// it.
    task<> finish_foreign(std::shared_ptr<session> where, std::shared_ptr<pending_execution> what);

    /// Deletes what has ended too long ago, or before too many others.
    void prune(session& where);

    /// Tells the store the ends that it has refused.
    void store_again();

    /// What is left for one more sandbox, when all that are being started have taken their part.
    host_room room_for_a_sandbox() const;

private:
    /// What the store is told of an end; without a row it is to forget the execution.
    struct unstored_end {
        live_execution of;
        std::optional<execution_row> row;
    };

    task<> work(std::shared_ptr<session> where);
    task<> work_queue(std::shared_ptr<session> where);
    void break_off(session& where);
    void enqueue(std::shared_ptr<session> const& where,
                 std::shared_ptr<pending_execution> const& what);
    task<> replace_kernel(std::shared_ptr<session> where, std::shared_ptr<kernel_slot> slot);
    task<bool> start_or_fail(std::shared_ptr<session> where, std::shared_ptr<kernel_slot> slot);
    std::shared_ptr<live_kernel> give_up_kernel(session& where, kernel_slot& slot);
    task<> take_back_boost(std::shared_ptr<session> where);
    void lose_kernel(session& where, kernel_slot& slot);
    void lose_files(session& where);
    task<result<void>> mount_files(std::shared_ptr<session> where, bool may_make);
    /// Holds neither: one that has left the queue takes its memory along.
    task<> expire_in_queue(std::weak_ptr<session> in, std::weak_ptr<pending_execution> of,
                           steady_time deadline);
    task<result<void>> start_kernel(std::shared_ptr<session> where,
                                    std::shared_ptr<kernel_slot> slot);
    task<> run(std::shared_ptr<session> where, std::shared_ptr<pending_execution> what,
               bool followed);
    void tell_positions(session& where);
    task<> after_kernel_end(std::shared_ptr<session> where, std::shared_ptr<kernel_slot> slot,
                            std::shared_ptr<live_kernel> kernel);
    void finish(session& where, pending_execution& what);
    bool store(session& where, unstored_end const& end);
    void answer(pending_execution& what);
    void leave(pending_execution& what);
    void prune_some(session& where, std::uint64_t file_bytes);
    static task<> remove_files(service_context& context, std::vector<execution_id> ids);
    static task<> remove_events(service_context& context, execution_id id);

    service_context& context_;
    live_executions& live_;
    unsigned starting_ = 0;              // sandboxes, now
    std::deque<unstored_end> unstored_;  // refused by the store
};

}  // namespace broker
