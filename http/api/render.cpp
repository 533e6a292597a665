// SPDX-License-Identifier: Apache-2.0
// One function per document. Never a rule. Pure; any thread.
#include "http/api/render.hpp"

#include "broker/base/json_text.hpp"
#include "broker/base/sha256.hpp"

namespace http::api {
namespace {

using broker::json_object;

template <class Words>
void word_or_null(json_object& out, std::string_view name, std::optional<Words> const& value) {
    if (value) {
        out.string(name, to_string(*value));
    } else {
        out.null(name);
    }
}

template <class Number>
void number_or_null(json_object& out, std::string_view name, std::optional<Number> const& value) {
    if (value) {
        out.integer(name, static_cast<std::int64_t>(*value));
    } else {
        out.null(name);
    }
}

void text_or_null(json_object& out, std::string_view name,
                  std::optional<std::string> const& value) {
    if (value) {
        out.string(name, *value);
    } else {
        out.null(name);
    }
}

void time_or_null(json_object& out, std::string_view name,
                  std::optional<broker::wall_time> const& value) {
    if (value) {
        out.string(name, broker::to_rfc3339(*value));
    } else {
        out.null(name);
    }
}

template <class Range, class One>
std::string array_of(Range const& range, One one) {
    std::string text = "[";
    for (auto const& element : range) {
        if (text.size() > 1) {
            text += ',';
        }
        one(text, element);
    }
    text += ']';
    return text;
}

std::string files_of(broker::execution const& e) {
    return array_of(e.files, [&e](std::string& text, broker::file_change const& file) {
        json_object one(text);
        one.string("path", file.path)
            .integer("size_bytes", static_cast<std::int64_t>(file.size_bytes))
            .string("change", to_string(file.what));
        if (file.what != broker::file_change::kind::deleted) {
            one.string("url", "/download/" + e.session_name + "/" + broker::to_url(file.path));
        }
        one.close();
    });
}

std::string error_of(broker::raised_error const& error) {
    std::string text;
    json_object one(text);
    one.string("ename", error.ename).string("evalue", error.evalue);
    one.raw("traceback", array_of(error.traceback, [](std::string& out, std::string const& line) {
                broker::append_json_string(out, line);
            }));
    one.close();
    return text;
}

std::string limits_of(broker::limits const& l) {
    std::string text;
    json_object one(text);
    one.integer("memory_bytes", static_cast<std::int64_t>(l.memory_bytes))
        .number("cpus", l.cpus)
        .integer("pids", l.pids)
        .integer("disk_bytes", static_cast<std::int64_t>(l.disk_bytes))
        .number("timeout_s", l.timeout_s);
    one.close();
    return text;
}

void append_file(std::string& text, broker::file_info const& file) {
    json_object one(text);
    one.string("path", file.path).integer("size_bytes", static_cast<std::int64_t>(file.size_bytes));
    text_or_null(one, "sha256",
                 file.sha256 ? std::optional(broker::to_hex(*file.sha256)) : std::nullopt);
    one.string("modified_at", broker::to_rfc3339(broker::wall_time(
                                  std::chrono::milliseconds(file.modified_ns / 1'000'000))));
    one.close();
}

}  // namespace

std::string render_execution(broker::execution const& e) {
    std::string text;
    json_object out(text);
    out.string("id", e.id.str())
        .string("session_id", e.session_name)
        .string("language", e.language)
        .string("state", to_string(e.state));
    word_or_null(out, "outcome", e.what);
    number_or_null(out, "exit_code", e.exit_code);
    number_or_null(out, "execution_count", e.execution_count);
    out.string("stdout", e.output.stdout_text).string("stderr", e.output.stderr_text);
    text_or_null(out, "result", e.output.result);
    out.raw("outputs", e.output.outputs_json);
    out.raw("error", e.error ? error_of(*e.error) : "null");
    out.raw("files", files_of(e));
    out.string("session_state", to_string(e.started_on)).integer("generation", e.generation);
    word_or_null(out, "state_reason", e.reason);
    out.string("queued_at", broker::to_rfc3339(e.queued_at));
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

std::string render_run(broker::execution const& e) {
    std::string text;
    json_object out(text);
    out.string("stdout", e.output.stdout_text).string("stderr", e.plain_stderr);
    number_or_null(out, "exit_code", e.exit_code);
    text_or_null(out, "result", e.output.result);
    out.raw("outputs", e.output.displays_json).raw("files", files_of(e));
    out.string("session_id", e.session_name).string("execution_id", e.id.str());
    number_or_null(out, "execution_count", e.execution_count);
    out.integer("duration_ms", e.duration_ms)
        .string("state", to_string(e.started_on))
        .integer("generation", e.generation);
    word_or_null(out, "state_reason", e.reason);
    out.boolean("variables_kept", e.variables_kept).boolean("truncated", e.output.truncated);
    out.close();
    return text;
}

std::string render_session(broker::session_view const& s) {
    std::string text;
    json_object out(text);
    out.string("id", s.name)
        .string("status", to_string(s.status))
        .string("language", s.language)
        .integer("generation", s.generation)
        .string("created_at", broker::to_rfc3339(s.created_at))
        .string("last_used_at", broker::to_rfc3339(s.last_used_at))
        .string("expires_at", broker::to_rfc3339(s.expires_at))
        .number("idle_timeout_s", s.idle_timeout_s)
        .raw("limits", limits_of(s.own_limits));
    json_object usage(out.member("usage"));
    usage.integer("memory_bytes", static_cast<std::int64_t>(s.usage.memory_bytes))
        .number("cpu_s", s.usage.cpu_s)
        .integer("disk_bytes", static_cast<std::int64_t>(s.disk_bytes))
        .integer("pids", s.usage.pids);
    usage.close();
    out.integer("queue_length", static_cast<std::int64_t>(s.queue_length));
    json_object runtime(out.member("runtime"));
    runtime.string("name", s.runtime)
        .boolean("seccomp", s.seccomp)
        .boolean("user_namespace", s.user_namespace);
    runtime.close();
    auto& labels = out.member("labels");
    labels += '{';
    for (bool first = true; auto const& [name, value] : s.labels) {
        labels += first ? "" : ",";
        first = false;
        broker::append_json_string(labels, name);
        labels += ':';
        broker::append_json_string(labels, value);
    }
    labels += '}';
    out.close();
    return text;
}

std::string render_session_page(broker::session_page const& page) {
    std::string text;
    json_object out(text);
    out.raw("sessions", array_of(page.sessions, [](std::string& one, auto const& s) {
                one += render_session(s);
            }));
    text_or_null(out, "next_cursor", page.next);
    out.close();
    return text;
}

std::string render_file_page(broker::file_page const& page, std::string const& session_name) {
    std::string text;
    json_object out(text);
    out.raw("files", array_of(page.files, [&](std::string& one, broker::file_info const& file) {
                append_file(one, file);
                one.pop_back();
                one += ",\"url\":";
                broker::append_json_string(
                    one, "/v1/sessions/" + session_name + "/files/" + broker::to_url(file.path));
                one += '}';
            }));
    text_or_null(out, "next_cursor", page.next_cursor);
    out.boolean("complete", page.complete);
    out.close();
    return text;
}

std::string render_stored_file(broker::stored_file const& file) {
    std::string text;
    append_file(text, file.info);
    return text;
}

}  // namespace http::api
