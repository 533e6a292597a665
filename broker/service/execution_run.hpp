// SPDX-License-Identifier: Apache-2.0
// One execution on one live kernel, from the row that says `sent` to its verdict.
// Never starts a kernel and never leaves one behind that cannot be heard any more.
// On the loop; lives inside one coroutine of the session's worker.
#pragma once

#include "broker/core/verdict.hpp"
#include "broker/service/context.hpp"
#include "broker/service/session.hpp"

#include <boost/asio/steady_timer.hpp>

#include <memory>
#include <optional>

namespace broker {

class execution_run {
public:
    execution_run(service_context& context, std::shared_ptr<session> where,
                  std::shared_ptr<pending_execution> what);

    /// Fills in the execution. Returns why the variables are gone, if they are; then the kernel is
    /// gone too, with its sandbox. The life is busy afterwards if the kernel was told.
    task<std::optional<state_reason>> go();

    /// The same for one that an earlier broker has sent: what it says from now on is heard.
    task<std::optional<state_reason>> follow();

private:
    /// Shared with handlers of its timer, which may be on their way when the execution ends.
    struct time_limit {
        explicit time_limit(boost::asio::io_context& loop) : timer(loop) {}
        boost::asio::steady_timer timer;
        bool over = false;
    };

    task<> look_at_files();
    result<void> tell_and_store();
    void guard();
    task<kernelproto::execution_end> send();
    task<kernelproto::execution_end> listen();
    task<std::optional<state_reason>> conclude(kernelproto::execution_end end);
    task<> see_off_kernel(kernelproto::execution_end const& end);
    task<> ask_whether_back(kernelproto::execution_end const& end);
    task<> compare_files();
    task<> keep_versions();
    execution_facts facts_of(kernelproto::execution_end const& end) const;

    service_context& context_;
    std::shared_ptr<session> where_;
    std::shared_ptr<pending_execution> what_;
    std::shared_ptr<live_kernel> kernel_;
    std::shared_ptr<time_limit> limit_;
    bool exit_overdue_ = false;
    // Of its files some were not looked at, and all were before it.
    bool files_too_deep_ = false;
    bool files_too_many_ = false;
    bool followed_ = false;
};

/// Its outputs as clients get them, from what was collected. Long ones can be made again of its log
/// then, or are in a file, or, where the disk fails, with it.
task<> keep_outputs(service_context& context, std::shared_ptr<pending_execution> what);

/// Its parts as the store keeps them and its log ends with, unless they are made already.
void seal(pending_execution& what, moment now);

/// An execution without an end of its own: cancelled, timed out in the queue or refused before it
/// reached a kernel; one that did reach it is `unknown`.
void conclude_unheard(pending_execution& what, session const& where, moment now);

/// The end of a kernel while nothing ran on it.
execution_facts facts_of_idle_end(live_kernel const& kernel);

/// What the store keeps of it.
execution_row row_of(pending_execution const& what, session const& where);

}  // namespace broker
