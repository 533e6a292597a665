// SPDX-License-Identifier: Apache-2.0
// The statements of the store. Their columns come in the order in which `row_io` binds and reads
// them. Never a value in the text. Constants.
#pragma once

namespace broker::sql {

inline constexpr char const* insert_session =
    "INSERT INTO session (id, closing, tenant, name, language, image_digest, uid, memory_bytes, "
    "cpus, pids, disk_bytes, timeout_s, idle_timeout_s, labels, kernels, pending_reason, "
    "files_lost, created_at, last_used_at, has_files) "
    "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)";
/// Tenant and name (1 and 2) never change, and setting them would write their index anew.
inline constexpr char const* update_session =
    "UPDATE session SET language = ?3, image_digest = ?4, uid = ?5, memory_bytes = ?6, cpus = ?7, "
    "pids = ?8, disk_bytes = ?9, timeout_s = ?10, idle_timeout_s = ?11, labels = ?12, "
    "kernels = ?13, pending_reason = ?14, files_lost = ?15, created_at = ?16, last_used_at = ?17, "
    "has_files = ?18 WHERE id = ?19";
inline constexpr char const* select_sessions =
    "SELECT id, closing, tenant, name, language, image_digest, uid, memory_bytes, cpus, pids, "
    "disk_bytes, timeout_s, idle_timeout_s, labels, kernels, pending_reason, files_lost, "
    "created_at, last_used_at, has_files FROM session ORDER BY created_at, id";
inline constexpr char const* session_of_key = "SELECT 1 FROM session WHERE tenant = ? AND name = ?";
inline constexpr char const* close_session = "UPDATE session SET closing = ? WHERE id = ?";
inline constexpr char const* delete_session = "DELETE FROM session WHERE id = ?";

inline constexpr char const* insert_expired =
    "INSERT INTO expired (tenant, name, keep_until) SELECT tenant, name, ? FROM session "
    "WHERE id = ? ON CONFLICT DO UPDATE SET keep_until = excluded.keep_until";
inline constexpr char const* select_expired =
    "SELECT 1 FROM expired WHERE tenant = ? AND name = ? AND keep_until > ?";
inline constexpr char const* delete_expired = "DELETE FROM expired WHERE tenant = ? AND name = ?";
inline constexpr char const* prune_expired = "DELETE FROM expired WHERE keep_until <= ?";

inline constexpr char const* insert_sandbox =
    "INSERT INTO sandbox (id, session, language, generation, stage, hmac_key, socket_prefix, "
    "created_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?)";
inline constexpr char const* select_sandboxes =
    "SELECT id, session, language, generation, stage, hmac_key, socket_prefix, created_at FROM "
    "sandbox "
    "ORDER BY created_at, id";
inline constexpr char const* update_sandbox = "UPDATE sandbox SET stage = ? WHERE id = ?";
inline constexpr char const* delete_sandbox = "DELETE FROM sandbox WHERE id = ?";

// As `row_io` binds and reads them; the four texts at the end are left out of listings.
#define KB_EXECUTION_COLUMNS                                                                     \
    "id, session, code_sha256, language, timeout_s, silent, store_history, collect_files, "      \
    "allow_stdin, idempotency_key, request_sha256, queued_at, stage, started_at, ended_at, "     \
    "deadline_steady_ns, began_state, began_reason, began_generation, outcome, result_in_file, " \
    "events_at, file_bytes, summary, "
#define KB_INSERT_EXECUTION                                                                      \
    "INSERT INTO execution (" KB_EXECUTION_COLUMNS                                               \
    "result, events, code, argv) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, " \
    "?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"

inline constexpr char const* insert_execution = KB_INSERT_EXECUTION;
/// One that was never queued is stored whole.
inline constexpr char const* put_execution = KB_INSERT_EXECUTION
    " ON CONFLICT (id) DO UPDATE SET stage = excluded.stage, started_at = excluded.started_at, "
    "ended_at = excluded.ended_at, deadline_steady_ns = excluded.deadline_steady_ns, "
    "began_state = excluded.began_state, began_reason = excluded.began_reason, "
    "began_generation = excluded.began_generation, outcome = excluded.outcome, "
    "result_in_file = excluded.result_in_file, events_at = excluded.events_at, "
    "file_bytes = excluded.file_bytes, summary = excluded.summary, result = excluded.result, "
    "events = excluded.events, code = excluded.code, argv = excluded.argv";
/// Bound as a whole row: 2 to 12 never change.
inline constexpr char const* update_execution =
    "UPDATE execution SET stage = ?13, started_at = ?14, ended_at = ?15, deadline_steady_ns = ?16, "
    "began_state = ?17, began_reason = ?18, began_generation = ?19, outcome = ?20, "
    "result_in_file = ?21, events_at = ?22, file_bytes = ?23, summary = ?24, result = ?25, "
    "events = ?26, code = ?27, argv = ?28 WHERE id = ?1";
inline constexpr char const* select_execution =
    "SELECT " KB_EXECUTION_COLUMNS "result, events, code, argv FROM execution WHERE id = ?";
inline constexpr char const* select_execution_of_key =
    "SELECT " KB_EXECUTION_COLUMNS
    "result, events, code, argv FROM execution WHERE session = ? AND idempotency_key = ?";
inline constexpr char const* select_executions = "SELECT " KB_EXECUTION_COLUMNS
                                                 "'', x'', NULL, x'' FROM execution WHERE session "
                                                 "= ? AND number < ? ORDER BY number DESC LIMIT ?";
inline constexpr char const* select_unfinished =
    "SELECT " KB_EXECUTION_COLUMNS
    "result, events, code, argv FROM execution WHERE stage <> 'done' ORDER BY number";
inline constexpr char const* select_files =
    "SELECT id FROM execution WHERE (?1 IS NULL OR session = ?1) AND (result_in_file OR "
    "events_at = 2 OR stage <> 'done')";
#undef KB_INSERT_EXECUTION
#undef KB_EXECUTION_COLUMNS
inline constexpr char const* delete_execution = "DELETE FROM execution WHERE id = ?";
inline constexpr char const* number_of_execution =
    "SELECT number FROM execution WHERE id = ? AND session = ?";
/// Ended ones that are too old or too many, or behind newer ones with files enough; `?1` session,
/// `?2` oldest, `?3` keep, `?4` bytes of files. The newest stays.
inline constexpr char const* prune_executions =
    "DELETE FROM execution WHERE session = ?1 AND stage = 'done' AND (ended_at < ?2 OR number NOT "
    "IN (SELECT number FROM execution WHERE session = ?1 AND stage = 'done' "
    "ORDER BY number DESC LIMIT ?3) OR number IN (SELECT number FROM (SELECT number, "
    "sum(file_bytes) OVER (ORDER BY number DESC ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING) "
    "AS newer FROM execution WHERE session = ?1 AND stage = 'done') WHERE newer > ?4)) "
    "RETURNING id, result_in_file OR events_at = 2";
inline constexpr char const* insert_pruned =
    "INSERT INTO pruned_execution (id, session) VALUES (?, ?)";
inline constexpr char const* forget_pruned =
    "DELETE FROM pruned_execution WHERE session = ?1 AND number <= (SELECT number FROM "
    "pruned_execution WHERE session = ?1 ORDER BY number DESC LIMIT 1 OFFSET ?2)";
inline constexpr char const* select_pruned = "SELECT session FROM pruned_execution WHERE id = ?";

inline constexpr char const* insert_key =
    "INSERT INTO api_key (id, name, tenant, sha256, created_at, revoked_at) "
    "VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING";
inline constexpr char const* revoke_key =
    "UPDATE api_key SET revoked_at = ? WHERE id = ? AND revoked_at IS NULL";
inline constexpr char const* select_keys =
    "SELECT id, name, tenant, sha256, created_at, revoked_at FROM api_key ORDER BY created_at, id";
inline constexpr char const* select_key =
    "SELECT id, name, tenant, sha256, created_at, revoked_at FROM api_key "
    "WHERE sha256 = ? AND revoked_at IS NULL";

inline constexpr char const* select_note = "SELECT value FROM note WHERE name = ?";
inline constexpr char const* upsert_note =
    "INSERT INTO note (name, value) VALUES (?, ?) "
    "ON CONFLICT DO UPDATE SET value = excluded.value";

}  // namespace broker::sql
