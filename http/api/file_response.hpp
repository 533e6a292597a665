// SPDX-License-Identifier: Apache-2.0
// An open file as the answer to GET or HEAD: ETag, conditions, Range, attachment.
// Never opens one, and never sends more than it was when it was opened. Pure.
#pragma once

#include "broker/service/workspace_files.hpp"
#include "http/proto/etag.hpp"
#include "http/proto/message.hpp"

#include <string>
#include <string_view>

namespace http::api {

/// What a condition is asked about.
resource_state state_of(broker::file_state const& now);

/// 200, 206, 304, 412 or 416. `name` is what a browser is to store it as.
response file_response(request const& incoming, broker::opened_file file, std::string const& name,
                       std::string_view type = "application/octet-stream");

}  // namespace http::api
