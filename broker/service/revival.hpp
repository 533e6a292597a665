// SPDX-License-Identifier: Apache-2.0
// An execution of an earlier broker, made again of its row and of what its log holds.
// Never sends anything, and never shows more than was kept. On the loop; files are read on the
// pool.
#pragma once

#include "broker/service/context.hpp"
#include "broker/service/session.hpp"
#include "broker/store/rows.hpp"

#include <memory>

namespace broker {

/// `row` is not done.
task<std::shared_ptr<pending_execution>> revive(service_context& context,
                                                std::shared_ptr<session> where, execution_row row);

/// The log of one that is done, for its readers; `events_expired` when it is not kept.
task<result<std::shared_ptr<event_log>>> log_of_ended(service_context& context, execution_row row);

}  // namespace broker
