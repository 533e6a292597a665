// SPDX-License-Identifier: Apache-2.0
// The two bodies of POST /exec/programmatic, and its answers.
// Never knows what a run is. Pure; any thread.
#pragma once

#include "broker/base/result.hpp"
#include "http/librechat/exec_request.hpp"
#include "http/librechat/tool_names.hpp"

#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

namespace http::librechat {

/// A program that may call tools.
struct program_request {
    exec_request exec;  // its language is `py` or `bash`
    std::vector<named_tool> tools;
};

/// What tools have answered.
struct tool_answer {
    std::string call_id;
    std::string result;  // JSON
    bool is_error = false;
    std::string error_message;
};

struct continue_request {
    std::string token;
    std::vector<tool_answer> answers;
};

using programmatic_request = std::variant<program_request, continue_request>;

broker::result<programmatic_request> read_programmatic(json_document const& body);

/// A call as its client is told of it; `input` is JSON.
struct told_call {
    std::string id;
    std::string name;
    std::string input;
};

std::string render_tool_calls(std::string_view session, std::string_view token,
                              std::vector<told_call> const& calls, std::string_view partial_stdout);

/// `error` is one of the sentences that clients show to the model as they are.
std::string render_program_error(std::string_view session, std::string_view error,
                                 std::string_view out, std::string_view err);

}  // namespace http::librechat
