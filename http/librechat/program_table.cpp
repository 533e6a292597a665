// SPDX-License-Identifier: Apache-2.0
// A map, and a look at what is due. On the loop.
#include "http/librechat/program_table.hpp"

#include <algorithm>
#include <utility>

namespace http::librechat {
namespace {

/// As the official server.
constexpr std::chrono::seconds waits_at_most{600};

}  // namespace

void program_table::add(std::shared_ptr<program_run> run) {
    auto const token = run->token();
    runs_.insert_or_assign(token, std::move(run));
}

std::shared_ptr<program_run> program_table::find(std::string const& tenant,
                                                 std::string const& token) const {
    auto const at = runs_.find(token);
    bool const usable = at != runs_.end() && at->second->tenant() == tenant &&
                        at->second->whose_turn() == program_run::turn::client;
    return usable ? at->second : nullptr;
}

std::shared_ptr<program_run> program_table::of_request(std::string const& tenant,
                                                       std::string const& request_id) const {
    auto const at = std::find_if(runs_.begin(), runs_.end(), [&](auto const& one) {
        return one.second->tenant() == tenant && one.second->request_id == request_id;
    });
    return at == runs_.end() ? nullptr : at->second;
}

void program_table::settle(std::shared_ptr<program_run> const& run) {
    if (run->whose_turn() == program_run::turn::nobody) {
        runs_.erase(run->token());
    } else {
        run->on_answered(clock_().steady + waits_at_most);
    }
}

void program_table::drain() {
    for (auto const& [token, run] : runs_) {
        if (run->whose_turn() == program_run::turn::client) {
            run->end(broker_ends);
        }
    }
}

void program_table::reap() {
    auto const now = clock_().steady;
    std::erase_if(runs_, [now](auto const& one) {
        auto const& run = *one.second;
        bool const due = run.whose_turn() == program_run::turn::client && run.waits_until() <= now;
        if (due) {
            one.second->give_up();
        }
        return due;
    });
}

}  // namespace http::librechat
