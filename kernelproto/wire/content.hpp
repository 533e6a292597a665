// SPDX-License-Identifier: Apache-2.0
// The few contents that we look into, read from messages that were verified.
// Never builds MIME bundles: `data` and `metadata` stay the bytes that the kernel sent, checked and
// valid UTF-8, so that they can be spliced into another document. Values; any thread.
#pragma once

#include "kernelproto/wire/frames.hpp"
#include "kernelproto/wire/result.hpp"

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

namespace kernelproto {

/// `status`: what the kernel says it does. Others than these three are left to their senders.
enum class execution_state { starting, busy, idle, other };

/// `execute_input` was published: the kernel has begun. `execution_count` as the kernel counts.
struct started {
    std::int64_t execution_count = 0;
};

/// `stream`: text that was printed.
struct stream_text {
    enum class stream { stdout_stream, stderr_stream } name = stream::stdout_stream;
    std::string text;  // valid UTF-8
    /// Bytes of the content that were left out of the middle of the text, escapes and all.
    std::uint64_t missing = 0;
    /// Bytes of the same text that are told next, where a long one is told in pieces.
    std::size_t following = 0;
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

/// Lines of a traceback that are kept; one more says how many were not.
inline constexpr std::size_t max_traceback_lines = 1000;

/// `input_request` on the stdin channel.
struct input_wanted {
    std::string prompt;
    bool password = false;
};

/// The kernel's own word about the execution, from `execute_reply`.
struct execute_reply {
    enum class status { ok, error, aborted } what = status::ok;
    std::optional<std::int64_t> execution_count;
    std::optional<raised> error;  // status error only
    bool ask_exit = false;        // payload `ask_exit`: exit() or quit(); the process ends next
    /// exit(n): ipykernel takes it for keep_kernel, and the process lives on. `n` as text.
    std::optional<std::string> exit_with;
    /// Payload `shell_lost` of our language kernel: the cell has ended the shell that keeps
    /// variables from cell to cell, and the next one begins in a new one.
    bool shell_lost = false;
};

/// What the kernel said of itself in kernel_info_reply.
struct kernel_info {
    std::string implementation;
    std::string implementation_version;
    std::string protocol_version;
    std::string language;
    std::string language_version;
};

/// A longer content is not looked at: no client wants it, and it takes several times its size.
inline constexpr std::size_t max_content_bytes = std::size_t{32} * 1024 * 1024;

// Each fails with `bad_content` when the content is too long, is not a JSON object within the depth
// limit, or lacks what the message is about; of a stream, a content without its middle will do,
// and one that is too long loses it. Fields that only adorn it fall back to their defaults.

result<execution_state> read_status(frame const& content);
result<started> read_execute_input(frame const& content);
result<stream_text> read_stream(frame const& content);
result<output_cleared> read_clear_output(frame const& content);
result<raised> read_error(frame const& content);
result<input_wanted> read_input_request(frame const& content);
result<execute_reply> read_execute_reply(frame const& content);
result<kernel_info> read_kernel_info_reply(frame const& content);
result<rich_output> read_rich_output(rich_output::kind what, frame const& content);

/// Whatever a message on iopub can put out.
using output_content = std::variant<stream_text, rich_output, output_cleared, raised>;

/// One of the types that `read_output` reads.
bool is_output(std::string_view msg_type) noexcept;

result<output_content> read_output(std::string_view msg_type, frame const& content);

}  // namespace kernelproto
