// SPDX-License-Identifier: Apache-2.0
// A map, and one timer for each that waits. On the loop.
#include "http/librechat/program_table.hpp"

#include <boost/asio/steady_timer.hpp>

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
                        !at->second->working && !at->second->is_over();
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
    run->working = false;
    if (run->is_over()) {
        runs_.erase(run->token());
    } else {
        service_.context().tasks.spawn(expire(run, ++run->waits));
    }
}

void program_table::drain() {
    for (auto const& [token, run] : runs_) {
        if (!run->working) {
            run->end(broker_ends);
        }
    }
}

/// Does not hold it: one that has ended takes its memory along.
broker::task<> program_table::expire(std::weak_ptr<program_run> which, unsigned wait) {
    boost::asio::steady_timer timer(service_.context().loop, waits_at_most);
    co_await timer.async_wait(broker::no_throw);
    auto const run = which.lock();
    if (run && run->waits == wait && !run->working) {
        run->give_up();
        runs_.erase(run->token());
    }
}

}  // namespace http::librechat
