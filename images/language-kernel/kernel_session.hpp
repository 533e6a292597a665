// SPDX-License-Identifier: Apache-2.0
// A kernel's side of the Jupyter protocol: requests come in, messages and orders go out.
// Never runs two cells at once, never answers a request twice, and never leaves a request without
// the busy and idle that surround it. Pure: callers pass `now` (microseconds since 1970) and
// perform the actions in their order. One owner, one thread.
#pragma once

#include "images/language-kernel/cell_end.hpp"
#include "images/language-kernel/languages.hpp"
#include "images/language-kernel/requests.hpp"
#include "kernelproto/wire/message.hpp"

#include <cstddef>
#include <cstdint>
#include <deque>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

namespace language_kernel {

enum class channel { shell, control, stdin_channel, iopub };

struct request {
    channel from = channel::shell;
    std::string identity;  // of the ROUTER's peer
    kernelproto::message what;
};

/// To be sent, with `before` (who it is for, or on iopub its topic) ahead of the delimiter.
struct say {
    channel to = channel::iopub;
    std::string before;
    kernelproto::outgoing what;
};
struct run_cell {
    std::string code;
    std::vector<std::string> argv;
    bool allow_stdin = false;
};
struct interrupt_cell {};
/// For the standard input of the cell.
struct give_input {
    std::string text;
};
/// Whatever was said before goes out first.
struct end_kernel {};

using action = std::variant<say, run_cell, interrupt_cell, give_input, end_kernel>;
using actions = std::vector<action>;

enum class output_stream { out, err };

class kernel_session {
public:
    /// `id` names this process for its whole life.
    kernel_session(language const& of, std::string id);

    /// Once, when the sockets are bound.
    actions on_start(std::int64_t now);

    actions on_request(request heard, std::int64_t now);

    // While a cell runs, that is from `run_cell` to `on_cell_end`; at other times they do nothing.

    actions on_output(output_stream from, std::string_view text, std::int64_t now);
    /// The program waits for a line.
    actions on_input_wanted(std::int64_t now);
    actions on_cell_end(cell_end const& end, std::int64_t now);

    bool running() const noexcept { return running_.has_value(); }

    /// What may wait behind a cell; a request beyond it is dropped.
    static constexpr std::size_t max_waiting = 1000;
    static constexpr std::size_t max_waiting_bytes = 2 * max_code_bytes;

private:
    struct cell {
        kernelproto::header parent;
        std::string identity;
        execute_request what;
        bool asked = false;  // an input_request is out
    };

    void say_on(actions& out, channel to, std::string before, std::string type, std::string content,
                kernelproto::header parent);
    void publish(actions& out, std::string_view type, std::string content,
                 kernelproto::header const& parent);
    void answer(actions& out, request const& to, std::string content);
    void on_control(actions& out, request const& heard);
    void advance(actions& out);
    void handle(actions& out, request const& heard);
    void begin_cell(actions& out, request const& heard);
    void end_cell(actions& out, cell_end const& end);
    void on_input_reply(actions& out, request const& heard);
    std::optional<std::string> answer_to(request const& heard) const;

    language const& language_;
    std::string id_;
    std::int64_t now_ = 0;
    std::uint64_t said_ = 0;
    std::int64_t count_ = 0;
    std::deque<request> waiting_;
    std::size_t waiting_bytes_ = 0;
    /// Of those that wait, from the front: their executions are aborted.
    std::size_t aborting_ = 0;
    std::optional<cell> running_;
    bool ending_ = false;
};

}  // namespace language_kernel
