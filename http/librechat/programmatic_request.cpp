// SPDX-License-Identifier: Apache-2.0
// A first request is an execution with tools; a later one has a token and answers only. Pure.
#include "http/librechat/programmatic_request.hpp"

#include "broker/base/json_text.hpp"
#include "http/proto/object_reader.hpp"

#include <fmt/format.h>

namespace http::librechat {
namespace {

using broker::errc;
using broker::fail;
using broker::json_object;

/// Of the official server.
constexpr std::size_t max_answers = 200;
constexpr std::size_t max_answer_bytes = std::size_t{5} << 20;
constexpr std::size_t max_tools_read = 1000;

broker::result<programmatic_request> read_answers(object_reader fields) {
    continue_request out;
    out.token = fields.required_text("continuation_token");
    for (auto& one : fields.objects("tool_results", max_answers)) {
        tool_answer answer;
        answer.call_id = one.required_text("call_id");
        answer.result = one.raw("result").value_or("null");
        answer.is_error = one.boolean("is_error").value_or(false);
        answer.error_message = one.text("error_message").value_or("");
        if (answer.result.size() > max_answer_bytes) {
            one.reject("result", fmt::format("must be at most {} bytes", max_answer_bytes));
        }
        out.answers.push_back(std::move(answer));
    }
    if (auto const read = fields.finish(); !read) {
        return read.error();
    }
    return programmatic_request(std::move(out));
}

}  // namespace

broker::result<programmatic_request> read_programmatic(json_document const& body) {
    object_reader fields(body, unknown_fields::ignore);
    if (fields.has("continuation_token")) {
        return read_answers(fields);
    }
    std::vector<std::string> names;
    for (auto& one : fields.objects("tools", max_tools_read)) {
        names.push_back(one.required_text("name"));
    }
    if (auto const read = fields.finish(); !read) {
        return read.error();
    }
    auto exec = read_exec(body, "py");
    if (!exec) {
        return exec.error();
    }
    bool const in_bash = exec->language == "bash";
    if (!in_bash && exec->language != "py") {
        return fail(
            errc::unsupported_language,
            "Programs that call tools are written in python or bash, not " + exec->language);
    }
    auto tools = name_tools(names, in_bash ? tool_language::bash : tool_language::python);
    if (!tools) {
        return tools.error();
    }
    return programmatic_request(program_request{std::move(*exec), std::move(*tools)});
}

std::string render_tool_calls(std::string_view session, std::string_view token,
                              std::vector<told_call> const& calls,
                              std::string_view partial_stdout) {
    std::string text;
    json_object out(text);
    out.string("status", "tool_call_required")
        .string("continuation_token", token)
        .string("session_id", session);
    auto& list = out.member("tool_calls");
    list += '[';
    for (auto const& call : calls) {
        list += list.back() == '[' ? "" : ",";
        json_object one(list);
        one.string("id", call.id).string("name", call.name).raw("input", call.input);
        one.close();
    }
    list += ']';
    out.string("partial_stdout", partial_stdout);
    out.close();
    return text;
}

std::string render_program_error(std::string_view session, std::string_view error,
                                 std::string_view out_text, std::string_view err) {
    std::string text;
    json_object out(text);
    out.string("status", "error").string("session_id", session).string("error", error);
    out.string("stdout", out_text).string("stderr", err);
    out.close();
    return text;
}

}  // namespace http::librechat
