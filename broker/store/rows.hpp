// SPDX-License-Identifier: Apache-2.0
// What the table remembers, row by row.
// Never output in the clear columns: a result is one opaque text. Code is there only while it
// waits. Values; any thread.
#pragma once

#include "broker/base/ids.hpp"
#include "broker/base/time.hpp"
#include "broker/core/limits.hpp"
#include "broker/core/names.hpp"
#include "broker/core/session_life.hpp"
#include "broker/core/words.hpp"

#include <cstdint>
#include <optional>
#include <string>

namespace broker {

/// Why a session is being deleted; it may be half gone.
enum class close_kind : std::uint8_t {
    none,
    deleted,
    expired,   // remembered, so that the next of its name says so
    finished,  // it was made for one execution; versions of its files stay
};

struct session_row {
    session_id id;
    session_key key;
    std::string language;  // of executions that name none
    std::string image_digest;
    std::uint32_t uid = 0;
    limits session_limits;
    double idle_timeout_s = 0;
    label_list labels;
    life_record life;  // generations, what was told, pending reasons, last use
    close_kind closing = close_kind::none;
    /// Its workspace was made: if it is not there, it is lost.
    bool has_files = false;
    wall_time created_at;

    friend bool operator==(session_row const&, session_row const&) = default;
};

/// How far a sandbox has come, written before the step that its name says was begun.
enum class sandbox_stage : std::uint8_t { planned, created, started, ready, ending };

std::string_view to_string(sandbox_stage value) noexcept;

struct sandbox_row {
    sandbox_id id;
    session_id session;
    std::string language;
    std::uint32_t generation = 0;
    sandbox_stage stage = sandbox_stage::planned;
    std::string hmac_key;
    std::string socket_prefix;
    wall_time created_at;

    friend bool operator==(sandbox_row const&, sandbox_row const&) = default;
};

/// `sent`: it may have run. Only `queued` certainly has not.
enum class execution_stage : std::uint8_t { queued, sent, done };

std::string_view to_string(execution_stage value) noexcept;

/// Where the events of an execution are. The numbers stand in the table.
enum class events_place : std::uint8_t {
    none,   // there are none, or nobody could keep them
    table,  // in the row
    file,   // `execution_files`
};

inline constexpr std::size_t code_in_table_bytes = std::size_t{256} << 10;

struct execution_row {
    execution_id id;
    session_id session;
    execution_stage stage = execution_stage::queued;
    std::string code_sha256;  // hexadecimal
    /// While it waits, where somebody will ask for it: the next broker can run it too. At most
    /// `code_in_table_bytes`.
    std::optional<std::string> code;
    std::vector<std::string> argv;  // with `code`; no word holds a zero byte
    std::string language;
    double timeout_s = 0;
    bool silent = false;
    bool store_history = true;
    bool collect_files = true;
    bool allow_stdin = false;
    /// Chosen by the client, unique in its session; and what the request was, hexadecimal.
    std::optional<std::string> idempotency_key;
    std::string request_sha256;
    wall_time queued_at;
    std::optional<wall_time> started_at;
    std::optional<wall_time> ended_at;
    /// Of the steady clock: valid in this boot of the host only, as is the kernel it is about.
    std::optional<steady_time> deadline;
    started_on began;             // told when sent
    std::optional<outcome> what;  // when done
    /// When done: the execution without its outputs, JSON.
    std::string summary_json;
    /// When done: the members that `summary_json` lacks, JSON without braces; empty when they are
    /// in a file (`execution_files`) or can be made of the events.
    std::string outputs_json;
    bool result_in_file = false;
    events_place events_at = events_place::none;
    std::string events;            // records, when they are in the row
    std::uint64_t file_bytes = 0;  // of its result and its events

    friend bool operator==(execution_row const&, execution_row const&) = default;
};

struct key_row {
    std::string id;    // shown, used to revoke
    std::string name;  // the operator's word for it
    std::string tenant;
    std::string sha256;  // of the key, hexadecimal; the key itself is nowhere
    wall_time created_at;
    std::optional<wall_time> revoked_at;

    friend bool operator==(key_row const&, key_row const&) = default;
};

}  // namespace broker
