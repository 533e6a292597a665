// SPDX-License-Identifier: Apache-2.0
// Which broker and which session a client command speaks to, from its flags and the environment.
// Never speaks itself until told to delete a session. Values; one thread.
#pragma once

#include "broker/client/http_call.hpp"
#include "broker/client/json_value.hpp"
#include "broker/daemon/command_line.hpp"
#include "broker/daemon/config.hpp"

#include <chrono>
#include <optional>
#include <string>
#include <string_view>

namespace broker {

struct client_target {
    client::endpoint to;
    std::string session;
    bool own_session = false;  // nobody named it: it is deleted at the end
};

/// Errors say which flag or variable is wrong.
result<client_target> make_client_target(client_words const& words, named_texts const& environment);

/// The body of POST /v1/sessions/{id}/executions. `language` may be empty.
std::string execution_request(std::string_view code, client_words const& words,
                              std::string_view language);

/// The whole execution, with its outputs.
result<client::json> fetch_execution(client::endpoint const& from, std::string const& id,
                                     client::wakers const& also, std::chrono::milliseconds within);

/// What stood in the way, as a sentence; absent: the session is gone.
std::optional<std::string> delete_session(client_target const& target, client::wakers const& also,
                                          std::chrono::milliseconds within);

}  // namespace broker
