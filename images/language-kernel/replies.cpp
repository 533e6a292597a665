// SPDX-License-Identifier: Apache-2.0
// Contents as JSON text, member by member. Never a value tree: each is a handful of members.
// Pure; any thread.
#include "images/language-kernel/replies.hpp"

#include "kernelproto/wire/json_text.hpp"

namespace language_kernel {
namespace {

/// An object that is written member by member.
class object_text {
public:
    object_text& text(std::string_view name, std::string_view value) {
        begin(name);
        kernelproto::append_json_string(out_, value);
        return *this;
    }
    object_text& raw(std::string_view name, std::string_view value) {
        begin(name);
        out_ += value;
        return *this;
    }
    object_text& number(std::string_view name, std::int64_t value) {
        return raw(name, std::to_string(value));
    }
    std::string end() { return out_ + '}'; }

private:
    void begin(std::string_view name) {
        if (out_.size() > 1) {
            out_ += ',';
        }
        kernelproto::append_json_string(out_, name);
        out_ += ':';
    }

    std::string out_ = "{";
};

object_text& add_error(object_text& to, kernelproto::raised const& error) {
    std::string lines = "[";
    for (auto const& line : error.traceback) {
        if (lines.size() > 1) {
            lines += ',';
        }
        kernelproto::append_json_string(lines, line);
    }
    lines += ']';
    return to.text("ename", error.ename).text("evalue", error.evalue).raw("traceback", lines);
}

std::string payload_of(shell_state shell) {
    switch (shell) {
        case shell_state::kept:
            break;
        case shell_state::ended:
            return R"([{"source":"shell_lost","when":"after"}])";
    }
    return "[]";
}

object_text ok() {
    object_text out;
    out.text("status", "ok");
    return out;
}

}  // namespace

std::string status_content(std::string_view state) {
    return object_text{}.text("execution_state", state).end();
}

std::string execute_input_content(std::string_view code, std::int64_t count) {
    return object_text{}.text("code", code).number("execution_count", count).end();
}

std::string stream_content(std::string_view name, std::string_view text) {
    return object_text{}.text("name", name).text("text", text).end();
}

std::string error_content(kernelproto::raised const& error) {
    object_text out;
    return add_error(out, error).end();
}

std::string input_request_content() {
    return object_text{}.text("prompt", "").raw("password", "false").end();
}

std::string execute_reply_content(cell_end const& end, std::int64_t count) {
    object_text out;
    auto const error = error_of(end);
    out.text("status", error ? "error" : "ok").number("execution_count", count);
    if (error) {
        add_error(out, *error);
    }
    return out.raw("payload", payload_of(end.shell)).raw("user_expressions", "{}").end();
}

std::string aborted_content() { return object_text{}.text("status", "aborted").end(); }

std::string kernel_info_content(language const& of) {
    auto const language_info = object_text{}
                                   .text("name", of.title)
                                   .text("version", "")
                                   .text("mimetype", of.mimetype)
                                   .text("file_extension", of.extension())
                                   .end();
    return ok()
        .text("protocol_version", "5.3")
        .text("implementation", "language-kernel")
        .text("implementation_version", KERNEL_BROKER_VERSION)
        .raw("language_info", language_info)
        .text("banner", "language-kernel: " + std::string{of.title})
        .raw("help_links", "[]")
        .end();
}

std::string complete_content(std::int64_t cursor_pos) {
    return ok()
        .raw("matches", "[]")
        .number("cursor_start", cursor_pos)
        .number("cursor_end", cursor_pos)
        .raw("metadata", "{}")
        .end();
}

std::string inspect_content() {
    return ok().raw("found", "false").raw("data", "{}").raw("metadata", "{}").end();
}

std::string is_complete_content() { return object_text{}.text("status", "unknown").end(); }

std::string history_content() { return ok().raw("history", "[]").end(); }

std::string comm_info_content() { return ok().raw("comms", "{}").end(); }

std::string ok_content() { return ok().end(); }

std::string shutdown_content(bool restart) {
    return ok().raw("restart", restart ? "true" : "false").end();
}

}  // namespace language_kernel
