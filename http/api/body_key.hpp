// SPDX-License-Identifier: Apache-2.0
// An API key inside a JSON body, where one version of LibreChat (0.8.5) puts it and nowhere else.
// Never takes one where a credential came in a header, never reads more than a bounded body for who
// has shown none yet, and never keeps or logs the key. In the request's coroutine.
#pragma once

#include "http/api/auth.hpp"
#include "http/proto/message.hpp"

#include <memory>

namespace http::api {

/// Who calls, by the member `LIBRECHAT_CODE_API_KEY` or `apiKey` of the body, or the answer. The
/// body was read then: `again` gives it to whoever serves the request, and outlives that.
broker::task<authenticator::verdict> judge_body_key(request& incoming, authenticator const& auth,
                                                    std::unique_ptr<body_reader>& again);

}  // namespace http::api
