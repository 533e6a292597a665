// SPDX-License-Identifier: Apache-2.0
// One piece of code run in a session, as clients see it: a resource with an id, a state and an end.
// Never holds the code itself, and JSON of the kernel only as the bytes that it sent. Values.
#pragma once

#include "broker/base/ids.hpp"
#include "broker/base/time.hpp"
#include "broker/core/file_change.hpp"
#include "broker/core/words.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace broker {

/// What a client asks for. Checked by its facade for form, by the service for meaning.
struct execution_options {
    std::string code;
    std::string language;             // empty: the session's own
    std::optional<double> timeout_s;  // absent: the session's limit
    bool silent = false;
    bool store_history = true;
    bool collect_files = true;
    bool interrupt_on_disconnect = false;
    bool allow_stdin = false;
    std::vector<std::string> argv;  // the program's arguments, behind its name
    /// The same key with the same request is the same execution, in its session.
    std::optional<std::string> idempotency_key;
    std::string timeout_field = "timeout_s";  // as its client calls it, for a refusal
};

/// An exception of the program. `traceback` lines keep the kernel's ANSI codes.
struct raised_error {
    std::string ename;
    std::string evalue;
    std::vector<std::string> traceback;

    friend bool operator==(raised_error const&, raised_error const&) = default;
};

/// How a kernel ended; `detail` is one sentence for a person.
struct death {
    death_kind kind = death_kind::exit;
    std::string detail;

    friend bool operator==(death const&, death const&) = default;
};

/// What was put out, rendered once at the end (see `outputs::render`).
struct rendered_outputs {
    std::string outputs_json = "[]";    // everything in order, as a notebook would hold it
    std::string displays_json = "[]";   // display_data and execute_result only
    std::string stdout_text;            // conveniences over it
    std::string stderr_text;            //
    std::optional<std::string> result;  // text/plain of the last execute_result
    bool truncated = false;             // the limit was passed
    std::uint64_t dropped_bytes = 0;    // how much of the output is missing
};

struct execution {
    execution_id id;
    std::string session_name;  // `session_id` of the APIs: the client's own name of it
    std::string language;
    execution_state state = execution_state::queued;

    /// Absent until `state` is done.
    std::optional<outcome> what;
    /// Absent until done, and when the outcome is unknown.
    std::optional<int> exit_code;
    std::optional<std::int64_t> execution_count;
    rendered_outputs output;
    std::optional<raised_error> error;
    std::vector<file_change> files;

    /// What it started on; for one that has not started, what it would.
    session_state started_on = session_state::fresh;
    std::uint32_t generation = 0;
    std::optional<state_reason> reason;

    wall_time queued_at;
    std::optional<wall_time> started_at;
    std::optional<wall_time> ended_at;
    /// Of the steady clock, from acceptance to the end.
    std::int64_t duration_ms = 0;

    std::optional<death> died_of;
    bool variables_kept = true;
    bool killed_for_memory = false;  // a process of it was, and its kernel lives
    bool output_incomplete = false;  // output may be lost: the broker was away, or idle was

    /// What the simple dialects show as stderr: `output.stderr_text`, the traceback without ANSI
    /// codes or the text of SystemExit, and a last line on limits and deaths.
    std::string plain_stderr;
};

}  // namespace broker
