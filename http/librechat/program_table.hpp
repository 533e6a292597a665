// SPDX-License-Identifier: Apache-2.0
// Programs that wait for their tools, by the token that their client goes on with.
// Never gives one tenant's run to another, and never keeps one that nobody comes back for. On the
// loop.
#pragma once

#include "broker/base/time.hpp"
#include "http/librechat/program_run.hpp"

#include <map>
#include <memory>
#include <string>
#include <utility>

namespace http::librechat {

class program_table {
public:
    explicit program_table(broker::clock_source clock) : clock_(std::move(clock)) {}

    void add(std::shared_ptr<program_run> run);
    /// Nothing for a token of nobody, of another tenant, or of a run that is being served.
    std::shared_ptr<program_run> find(std::string const& tenant, std::string const& token) const;
    /// What one request is served for; of that tenant only.
    std::shared_ptr<program_run> of_request(std::string const& tenant,
                                            std::string const& request_id) const;

    /// Its request has been answered: over, or it waits for its client for so long and no longer.
    void settle(std::shared_ptr<program_run> const& run);

    /// Those that wait end, each with an answer for its client. Those that work end when they would
    /// wait.
    void drain();

    /// Looks at what is due: those that have waited for their client for 10 minutes end.
    void reap();

private:
    broker::clock_source clock_;
    std::map<std::string, std::shared_ptr<program_run>> runs_;
};

}  // namespace http::librechat
