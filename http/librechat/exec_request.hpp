// SPDX-License-Identifier: Apache-2.0
// The body of POST /exec, as every generation of LibreChat's clients writes it.
// Never refuses what one of them is known to send: other fields, other spellings, references that
// are none. Pure; any thread.
#pragma once

#include "broker/base/result.hpp"
#include "http/proto/json_request.hpp"

#include <optional>
#include <string>
#include <vector>

namespace http::librechat {

/// A file that an earlier answer named; the session beside it is a hint that nobody needs.
struct file_ref {
    std::string id;
    std::string name;  // where code is to find it; empty: its own
};

struct exec_request {
    std::string language;  // the contract's name
    std::string code;
    std::vector<std::string> args;
    std::vector<file_ref> files;
    /// Clients of before 2026-05 show every file of an answer as a new one: they are told of new
    /// and changed files only.
    bool knows_inherited = true;
    std::optional<std::string> runtime_session_hint;
    std::string session_id;  // of an earlier answer, or made up
    std::optional<double> timeout_s;
};

/// Of the form that LibreChat makes: version, scope, and at least 12 hexadecimal digits that nobody
/// guesses. What a model makes up could be what another one does.
bool is_runtime_hint(std::string_view hint);

/// `invalid_field`, `unsupported_language`: both are 400 in this dialect. A language that is not
/// named is `otherwise`; empty: it has to be.
broker::result<exec_request> read_exec(json_document const& body, std::string_view otherwise = {});

}  // namespace http::librechat
