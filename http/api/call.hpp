// SPDX-License-Identifier: Apache-2.0
// One request on its way through the API: who calls, which route, and the tools that facades share.
// Never holds a rule of the broker. Lives in the request's coroutine.
#pragma once

#include "broker/base/async.hpp"
#include "broker/base/ids.hpp"
#include "broker/base/result.hpp"
#include "broker/core/execution.hpp"
#include "http/proto/json_request.hpp"
#include "http/proto/message.hpp"
#include "http/proto/object_reader.hpp"
#include "http/proto/router.hpp"

#include <cstdint>
#include <initializer_list>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

namespace http::api {

struct call {
    request& incoming;
    routing const& where;
    std::string tenant;
    std::string shared_tenant = {};  // see `caller`

    /// Whose stored files the caller may name, its own first.
    std::vector<std::string> tenants() const;

    /// The decoded parameter; `invalid_path` when its escapes are broken.
    broker::result<std::string> param(std::string_view name) const;

    /// The session named by the route's `{id}`. What no session can be called is
    /// `session_not_found`.
    broker::result<broker::session_key> session() const;
};

/// Reads a JSON body of at most `limit` bytes: 415 for another content type or an encoding, 413,
/// 408 and 400 as they come. The answer to send, or the document.
/// A large one is parsed on `pool`.
broker::task<std::variant<json_document, response>> read_json(request& incoming,
                                                              std::uint64_t limit,
                                                              boost::asio::thread_pool& pool);

/// The whole body, for `read_json`.
broker::task<std::variant<std::string, response>> read_body(request& incoming, std::uint64_t limit);

/// The answer to a body that could not be read.
response body_refused(body_error why, std::uint64_t limit);

/// Query parameters of /v1: every name must be one of `known`, once each; else `unknown_field`.
broker::result<std::multimap<std::string, std::string>> read_query(
    request const& incoming, std::initializer_list<std::string_view> known,
    std::string_view repeatable = {});

/// `limit=`, within 1 and 1000; `fallback` when absent.
broker::result<std::size_t> page_limit(std::multimap<std::string, std::string> const& query,
                                       std::size_t fallback);

/// 400 for a header of a request that changes something and asks for what is not offered yet: who
/// relies on one must not find out by a second execution or a lost file.
std::optional<response> refuse_forms(request const& incoming);

/// Of LibreChat's clients, by what only they send.
bool is_librechat(request const& incoming);

/// 406 where `Accept` excludes application/json.
std::optional<response> refuse_other_types(request const& incoming);

/// `language` of an execution; empty when absent, which an empty one is not.
std::string read_language(object_reader& fields);

/// `argv` of an execution.
std::vector<std::string> read_argv(object_reader& fields);

response json_response(int status, std::string body);

/// 200 with the execution as `render` writes it; a large one is written on `pool`.
broker::task<response> execution_response(boost::asio::thread_pool& pool, broker::execution ended,
                                          std::string (*render)(broker::execution const&));

/// 200 and the like without content.
response empty_response(int status);

}  // namespace http::api
