// SPDX-License-Identifier: Apache-2.0
// One function per document. Never a rule. Pure; any thread.
#include "http/api/render.hpp"

#include "broker/base/json_text.hpp"
#include "broker/base/sha256.hpp"
#include "broker/core/execution_text.hpp"

namespace http::api {
namespace {

using broker::json_object;

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

}  // namespace

void add_file(json_object& one, broker::file_info const& file) {
    one.string("path", file.path).integer("size_bytes", static_cast<std::int64_t>(file.size_bytes));
    one.string_or_null("sha256",
                       file.sha256 ? std::optional(broker::to_hex(*file.sha256)) : std::nullopt);
    one.string_or_null("version", file.version ? std::optional(file.version->str()) : std::nullopt);
    one.string("modified_at", broker::to_rfc3339(broker::wall_time(
                                  std::chrono::milliseconds(file.modified_ns / 1'000'000))));
}

std::string render_run(broker::execution const& e) {
    auto const bytes = e.output.stdout_text.size() + e.plain_stderr.size();
    std::string text;
    text.reserve(bytes + bytes / 16 + e.output.displays_json.size() + 1024);
    json_object out(text);
    out.string("stdout", e.output.stdout_text).string("stderr", e.plain_stderr);
    out.integer_or_null("exit_code", e.exit_code);
    out.string_or_null("result", e.output.result);
    out.raw("outputs", e.output.displays_json).raw("files", broker::files_json(e));
    out.string("session_id", e.session_name).string("execution_id", e.id.str());
    out.integer_or_null("execution_count", e.execution_count);
    out.integer("duration_ms", e.duration_ms)
        .string("state", to_string(e.started_on))
        .integer("generation", e.generation);
    out.word_or_null("state_reason", e.reason);
    out.boolean("variables_kept", e.variables_kept).boolean("truncated", e.output.truncated);
    out.close();
    return text;
}

std::string render_execution_page(broker::execution_page const& page) {
    std::string text;
    json_object out(text);
    out.raw("executions",
            array_of(page.executions, [](std::string& one, auto const& e) { one += e; }));
    out.string_or_null("next_cursor", page.next ? std::optional(page.next->str()) : std::nullopt);
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
    out.raw("kernels", array_of(s.kernels, [](std::string& one, auto const& k) {
                json_object kernel(one);
                kernel.string("language", k.language)
                    .string("status", to_string(k.status))
                    .integer("generation", k.generation);
                kernel.close();
            }));
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
    out.string_or_null("next_cursor", page.next);
    out.close();
    return text;
}

std::string render_file_page(broker::file_page const& page, std::string const& session_name) {
    std::string text;
    json_object out(text);
    out.raw("files", array_of(page.files, [&](std::string& one, broker::file_info const& file) {
                json_object object(one);
                add_file(object, file);
                object.string(
                    "url", "/v1/sessions/" + session_name + "/files/" + broker::to_url(file.path));
                object.close();
            }));
    out.string_or_null("next_cursor", page.next_cursor);
    out.boolean("complete", page.complete);
    out.close();
    return text;
}

std::string render_version_page(broker::version_page const& page) {
    std::string text;
    json_object out(text);
    out.raw("versions",
            array_of(page.versions, [](std::string& one, broker::file_version const& version) {
                json_object object(one);
                object.string("version", version.id.str());
                object.boolean("deleted", !version.content);
                object.integer(
                    "size_bytes",
                    version.content ? static_cast<std::int64_t>(version.content->size_bytes) : 0);
                object.string_or_null("sha256",
                                      version.content
                                          ? std::optional(broker::to_hex(version.content->sha256))
                                          : std::nullopt);
                object.string("created_at", broker::to_rfc3339(version.created_at));
                object.string_or_null("execution_id", version.execution
                                                          ? std::optional(version.execution->str())
                                                          : std::nullopt);
                object.close();
            }));
    out.string_or_null("next_cursor", page.next ? std::optional(page.next->str()) : std::nullopt);
    out.close();
    return text;
}

std::string render_stored_file(broker::stored_file const& file) {
    std::string text;
    json_object out(text);
    add_file(out, file.info);
    out.close();
    return text;
}

}  // namespace http::api
