// SPDX-License-Identifier: Apache-2.0
// The first thing after a start: what the table says is compared with what the host holds.
// What is ours and alive is taken up, what is ours and dead is explained and removed; what is not
// ours is never touched, nothing is removed before all was read, and no code is ever sent twice.
// On the loop; used until it has succeeded once.
#pragma once

#include "broker/service/context.hpp"
#include "broker/service/session_runner.hpp"
#include "broker/service/sessions.hpp"

#include <map>
#include <memory>
#include <optional>
#include <set>
#include <vector>

namespace broker {

class reconciliation {
public:
    reconciliation(service_context& context, sessions& table, session_runner& runner)
        : context_(context), sessions_(table), runner_(runner) {}

    /// Returns when everything is known; busy kernels may still be waited for in the background.
    /// Fails before anything was touched when the table or the host cannot be read, or when there
    /// are not enough descriptors for all kernels that live; and before any kernel was ended when
    /// one of them cannot be taken up for want of descriptors or memory. To be called again then.
    task<result<void>> run();

private:
    /// All that there is.
    struct inventory {
        std::vector<session_row> sessions;
        std::vector<sandbox_row> sandboxes;
        std::vector<execution_row> unfinished;
        std::vector<found_sandbox> on_host;
        std::set<sandbox_id> alive;  // of `on_host`
        std::vector<found_workspace> workspaces;
        bool host_restarted = false;
    };
    task<result<inventory>> look();

    void restore_sessions(inventory const& all);
    task<result<void>> settle_sandboxes(inventory const& all);
    task<result<void>> settle_one(sandbox_row row, std::shared_ptr<session> where, bool alive,
                                  bool host_restarted);
    task<> finish_executions();
    void queue_again();
    task<> remove_files_of_nobody();
    task<> resume_deletions();
    /// Nothing when it was adopted, else why the kernel has to be ended. Fails when the host is too
    /// short of something to tell.
    task<result<std::optional<state_reason>>> adopt(sandbox_row row,
                                                    std::shared_ptr<session> where);
    task<> hear_out(std::shared_ptr<session> where, std::shared_ptr<kernel_slot> slot,
                    std::vector<std::shared_ptr<pending_execution>> sent);
    task<std::optional<state_reason>> greet(std::shared_ptr<live_kernel> kernel);
    task<> remove_strangers(inventory const& all);

    service_context& context_;
    sessions& sessions_;
    session_runner& runner_;
    // While it runs, or waits to be run again.
    std::optional<inventory> seen_;
    std::size_t settled_ = 0;  // of its sandboxes
    std::map<session_id, std::shared_ptr<session>> by_id_;
    std::map<session_id, std::vector<execution_row>> unfinished_;
    std::vector<live_execution> waiting_;
};

}  // namespace broker
