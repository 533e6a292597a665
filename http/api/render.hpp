// SPDX-License-Identifier: Apache-2.0
// Sessions and files as JSON, and executions in the form of /run.
// Never decides anything, and never re-builds the kernel's JSON: outputs are spliced. Pure; any
// thread.
#pragma once

#include "broker/base/json_text.hpp"
#include "broker/core/execution.hpp"
#include "broker/service/service.hpp"

#include <string>

namespace http::api {

/// The answer of `/run`.
std::string render_run(broker::execution const& e);

/// Without outputs, newest first.
std::string render_execution_page(broker::execution_page const& page);

std::string render_session(broker::session_view const& s);

std::string render_session_page(broker::session_page const& page);

/// Of `/v1/sessions/{id}/files`; `session_name` makes the `url` of names that are not UTF-8.
std::string render_file_page(broker::file_page const& page, std::string const& session_name);

std::string render_version_page(broker::version_page const& page);
/// The members of a file, into an object that may have others.
void add_file(broker::json_object& out, broker::file_info const& file);
std::string render_stored_file(broker::stored_file const& file);

}  // namespace http::api
