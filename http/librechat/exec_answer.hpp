// SPDX-License-Identifier: Apache-2.0
// The answer of POST /exec: what the model is to see, and which files the next call can name.
// Never hides an end that was not a good one: all of it is in `stderr`, as exit codes are not read.
// Pure; any thread.
#pragma once

#include "broker/core/execution.hpp"
#include "broker/store/version_store.hpp"

#include <cstddef>
#include <optional>
#include <string>
#include <vector>

namespace http::librechat {

/// An input of the run, and where it stood.
struct placed_input {
    broker::file_version version;
    std::string path;
};

struct exec_result {
    broker::execution ended;
    broker::session_id session;        // whose versions the new files are
    std::vector<placed_input> inputs;  // those that were there
    std::vector<std::string> notes;    // lines for `stderr`: what was wrong with other inputs
    std::string figures_lost;          // a line for `stderr`, or empty
    std::string language;              // as it was asked for
    bool knows_inherited = true;
    std::size_t max_files = 10;
    std::size_t max_text_bytes = std::size_t{1} << 20;  // of each stream
    /// Of a session that lives on.
    std::optional<std::string> runtime_session_id;
};

/// `status`: in the place of the word that says how it ended; for programs that call tools.
std::string render_exec(exec_result const& of, std::optional<std::string> status = {});

/// What the program and the broker say at its end. Of variables and the shell only where a later
/// call could see them: in a session that lives on.
std::string said_at_end(exec_result const& of);

/// Text of at most `most` bytes: its beginning and its end, with a line between that says how much
/// is missing. Cut at characters.
std::string head_and_tail(std::string const& text, std::size_t most);

}  // namespace http::librechat
