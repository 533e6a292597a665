// SPDX-License-Identifier: Apache-2.0
// The first thing after a start: what the table says is compared with what the host holds.
// What is ours and alive is taken up, what is ours and dead is explained and removed; what is not
// ours is never touched, and no code is ever sent twice. On the loop; used once.
#pragma once

#include "broker/service/context.hpp"
#include "broker/service/session_runner.hpp"
#include "broker/service/sessions.hpp"

#include <map>
#include <memory>
#include <vector>

namespace broker {

class reconciliation {
public:
    reconciliation(service_context& context, sessions& table, session_runner& runner)
        : context_(context), sessions_(table), runner_(runner) {}

    /// Returns when everything is known; busy kernels may still be waited for in the background.
    task<> run();

private:
    task<> load_sessions();
    task<> settle_sandboxes();
    task<> settle_one(sandbox_row row, std::shared_ptr<session> where, bool alive);
    task<bool> adopt(sandbox_row row, std::shared_ptr<session> where);
    task<> hear_out(std::shared_ptr<session> where, std::vector<execution_row> sent);
    task<> remove_strangers();
    state_reason loss_of(sandbox_end const& end) const;

    service_context& context_;
    sessions& sessions_;
    session_runner& runner_;
    bool host_restarted_ = false;
    std::map<session_id, std::shared_ptr<session>> by_id_;
    std::map<session_id, std::vector<execution_row>> unfinished_;
};

}  // namespace broker
