// SPDX-License-Identifier: Apache-2.0
// The executions that wait or run, by their ids, and those whose end the store has refused.
// Never another that has ended: those are in the store.
// On the loop; owned by the service.
#pragma once

#include "broker/base/ids.hpp"
#include "broker/service/session.hpp"

#include <map>
#include <memory>
#include <utility>

namespace broker {

/// One of them, and where it is. Holding it keeps both.
struct live_execution {
    std::shared_ptr<session> where;
    std::shared_ptr<pending_execution> what;

    explicit operator bool() const noexcept { return what != nullptr; }
};

class live_executions {
public:
    void add(std::shared_ptr<session> where, std::shared_ptr<pending_execution> what) {
        auto id = what->view.id;
        all_.insert_or_assign(std::move(id), live_execution{std::move(where), std::move(what)});
    }
    void remove(execution_id const& id) { all_.erase(id); }

    /// Empty when there is none.
    live_execution find(execution_id const& id) const {
        auto const found = all_.find(id);
        return found == all_.end() ? live_execution{} : found->second;
    }

private:
    std::map<execution_id, live_execution> all_;
};

}  // namespace broker
