// SPDX-License-Identifier: Apache-2.0
// What a client can hear while one execution runs, and how it can end.
// Never says anything about sessions, containers or HTTP. JSON values of the kernel stay the bytes
// that it sent (validated once, valid UTF-8), so that they can be spliced into another document.
// Values; no threads.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <variant>
#include <vector>

namespace kernelproto {

/// The five sockets of a kernel (Jupyter messaging specification, "Channels").
enum class channel : std::uint8_t { shell, control, iopub, stdin_channel, heartbeat };

/// `execute_input` was published: the kernel has begun. `execution_count` as the kernel counts.
struct started {
    std::int64_t execution_count = 0;
};

/// `stream`: text that was printed.
struct stream_text {
    enum class stream { stdout_stream, stderr_stream } name = stream::stdout_stream;
    std::string text;  // valid UTF-8
};

/// `display_data`, `execute_result` or `update_display_data`.
struct rich_output {
    enum class kind { display_data, execute_result, update_display_data } what = kind::display_data;
    std::string data;      // a JSON object: MIME type -> representation
    std::string metadata;  // a JSON object
    std::optional<std::string> display_id;
    std::optional<std::int64_t> execution_count;  // execute_result only
};

/// `clear_output`; with `wait` the clearing happens just before the next output.
struct output_cleared {
    bool wait = false;
};

/// `error` as published on iopub, or taken from the reply where iopub carried none.
struct raised {
    std::string ename;
    std::string evalue;
    std::vector<std::string> traceback;  // lines, with the kernel's ANSI codes
};

/// `input_request` on the stdin channel.
struct input_wanted {
    std::string prompt;
    bool password = false;
};

using event = std::variant<started, stream_text, rich_output, output_cleared, raised, input_wanted>;

/// The kernel's own word about the execution, from `execute_reply`.
struct execute_reply {
    enum class status { ok, error, aborted } what = status::ok;
    std::optional<std::int64_t> execution_count;
    std::optional<raised> error;  // status error only
    bool ask_exit = false;        // payload `ask_exit`: exit() or quit(); the process ends next
};

/// How an execution stopped being watched. Exactly one is given per execution.
enum class end_cause {
    /// Reply and idle were both heard: nothing of it is missing.
    complete,
    /// Reply heard, idle proven lost: output may be missing.
    reply_without_idle,
    /// Idle heard, no reply: the kernel failed to answer (for example a lone surrogate in an
    /// error).
    idle_without_reply,
    /// The kernel process ended; `kernel_died` was called.
    kernel_died,
    /// Another kernel answers on the same sockets: the one that we asked is gone.
    kernel_replaced,
    /// The sockets are closed or mute although the process may live.
    unreachable,
    /// The owner gave up (deadline with no further step, shutdown).
    abandoned,
};

struct execution_end {
    end_cause cause = end_cause::complete;
    std::optional<execute_reply> reply;
};

}  // namespace kernelproto
