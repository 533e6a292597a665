// SPDX-License-Identifier: Apache-2.0
// One document in its variants. Never a rule. Pure; any thread.
#include "broker/core/execution_text.hpp"

#include "broker/base/json_text.hpp"
#include "broker/core/error_text.hpp"
#include "broker/core/workspace_path.hpp"

#include <algorithm>

namespace broker {
namespace {

void time_or_null(json_object& out, std::string_view name, std::optional<wall_time> const& value) {
    if (value) {
        out.string(name, to_rfc3339(*value));
    } else {
        out.null(name);
    }
}

}  // namespace

std::string summary_json(execution const& e) {
    std::string text;
    json_object out(text);
    out.string("id", e.id.str())
        .string("session_id", e.session_name)
        .string("language", e.language)
        .string("state", to_string(e.state));
    out.word_or_null("outcome", e.what);
    out.integer_or_null("exit_code", e.exit_code);
    out.integer_or_null("execution_count", e.execution_count);
    out.raw("error", e.error ? error_json(*e.error, false) : "null");
    out.raw("files", files_json(e));
    out.string("session_state", to_string(e.started_on)).integer("generation", e.generation);
    out.word_or_null("state_reason", e.reason);
    out.string("queued_at", to_rfc3339(e.queued_at));
    time_or_null(out, "started_at", e.started_at);
    time_or_null(out, "ended_at", e.ended_at);
    out.integer("duration_ms", e.duration_ms)
        .boolean("truncated", e.output.truncated)
        .integer("dropped_bytes", static_cast<std::int64_t>(e.output.dropped_bytes));
    if (e.died_of) {
        json_object death(out.member("death"));
        death.string("kind", to_string(e.died_of->kind)).string("detail", e.died_of->detail);
        death.close();
    } else {
        out.null("death");
    }
    out.boolean("variables_kept", e.variables_kept)
        .boolean("output_incomplete", e.output_incomplete);
    out.close();
    return text;
}

std::string outputs_members(rendered_outputs const& output) {
    std::string text;
    text.reserve(output.outputs_json.size() + output.stdout_text.size() +
                 output.stderr_text.size() + 64);
    json_object out(text);
    out.string("stdout", output.stdout_text).string("stderr", output.stderr_text);
    out.string_or_null("result", output.result);
    out.raw("outputs", output.outputs_json);
    text.erase(0, 1);
    return text;
}

std::string joined(std::string_view summary, std::string_view members) {
    std::string text(summary.substr(0, summary.size() - std::min<std::size_t>(summary.size(), 1)));
    text.reserve(summary.size() + members.size() + 2);
    text += ',';
    text += members;
    text += '}';
    return text;
}

std::string execution_json(execution const& e) {
    return joined(summary_json(e), outputs_members(e.output));
}

std::string files_data(execution const& e) {
    std::string text;
    json_object out(text);
    out.raw("files", files_json(e));
    out.close();
    return text;
}

std::string files_json(execution const& e) {
    std::string text = "[";
    for (auto const& file : e.files) {
        text += text.size() > 1 ? "," : "";
        json_object one(text);
        one.string("path", file.path)
            .integer("size_bytes", static_cast<std::int64_t>(file.size_bytes))
            .string("change", to_string(file.what));
        if (file.what != file_change::kind::deleted) {
            one.string("url", "/download/" + e.session_name + "/" + to_url(file.path));
            one.string_or_null("sha256",
                               file.sha256 ? std::optional(to_hex(*file.sha256)) : std::nullopt);
            one.string_or_null("version",
                               file.version ? std::optional(file.version->str()) : std::nullopt);
        }
        one.close();
    }
    text += ']';
    return text;
}

}  // namespace broker
