// SPDX-License-Identifier: Apache-2.0
// The events of an execution as a body of server-sent events, at the client's own speed.
// Never ends before the execution does, unless the broker ends or the events are lost, and says so
// by the missing `end`. On the loop; lives as long as its response.
#pragma once

#include "broker/service/service.hpp"
#include "http/proto/message.hpp"

#include <memory>
#include <optional>
#include <string>

namespace http::api {

class execution_stream final : public body_source {
public:
    /// `leave_on_stop`: a client that goes before the end has left the execution.
    execution_stream(broker::service& service, broker::execution_ticket ticket,
                     std::shared_ptr<broker::event_reader> events, bool leave_on_stop);

    broker::task<std::string> next() override;
    void stop() override;

private:
    broker::service& service_;
    std::shared_ptr<broker::event_reader> events_;
    broker::steady_time told_at_;
    /// What to leave. Absent in other streams, as it holds all outputs of the execution.
    std::optional<broker::execution_ticket> to_leave_;
};

/// 200 with the stream as its body.
response stream_response(std::shared_ptr<execution_stream> events);

}  // namespace http::api
