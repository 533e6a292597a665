// SPDX-License-Identifier: Apache-2.0
// The one place where a failure of the broker becomes a status and a problem document.
// Never sends the detail of an internal failure. Pure; any thread.
#pragma once

#include "broker/base/result.hpp"
#include "http/proto/refusal.hpp"

namespace http::api {

/// Status, code and title of `what`; its detail unless it is internal; seconds where waiting helps.
problem describe(broker::failure const& what);

/// The answer that tells a client of `what`.
response to_response(broker::failure const& what);

/// 405 with Allow.
response method_not_allowed(std::string const& allow);

/// 416 with Content-Range naming the size, which RFC 9110 §15.5.17 asks for.
response range_not_satisfiable(std::uint64_t size);

}  // namespace http::api
