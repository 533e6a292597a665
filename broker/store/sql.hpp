// SPDX-License-Identifier: Apache-2.0
// The statements of the store. Their columns come in the order in which `row_io` binds and reads
// them. Never a value in the text. Constants.
#pragma once

namespace broker::sql {

inline constexpr char const* insert_session =
    "INSERT INTO session (id, closing, tenant, name, language, image_digest, uid, memory_bytes, "
    "cpus, pids, disk_bytes, timeout_s, idle_timeout_s, labels, generation, told_generation, "
    "pending_reason, files_lost, created_at, last_used_at, has_files) "
    "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)";
/// Tenant and name (1 and 2) never change, and setting them would write their index anew.
inline constexpr char const* update_session =
    "UPDATE session SET language = ?3, image_digest = ?4, uid = ?5, memory_bytes = ?6, cpus = ?7, "
    "pids = ?8, disk_bytes = ?9, timeout_s = ?10, idle_timeout_s = ?11, labels = ?12, "
    "generation = ?13, told_generation = ?14, pending_reason = ?15, files_lost = ?16, "
    "created_at = ?17, last_used_at = ?18, has_files = ?19 WHERE id = ?20";
inline constexpr char const* select_sessions =
    "SELECT id, closing, tenant, name, language, image_digest, uid, memory_bytes, cpus, pids, "
    "disk_bytes, timeout_s, idle_timeout_s, labels, generation, told_generation, pending_reason, "
    "files_lost, created_at, last_used_at, has_files FROM session ORDER BY created_at, id";
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
    "INSERT INTO sandbox (id, session, generation, stage, hmac_key, socket_prefix, created_at) "
    "VALUES (?, ?, ?, ?, ?, ?, ?)";
inline constexpr char const* select_sandboxes =
    "SELECT id, session, generation, stage, hmac_key, socket_prefix, created_at FROM sandbox "
    "ORDER BY created_at, id";
inline constexpr char const* update_sandbox = "UPDATE sandbox SET stage = ? WHERE id = ?";
inline constexpr char const* delete_sandbox = "DELETE FROM sandbox WHERE id = ?";

inline constexpr char const* insert_execution =
    "INSERT INTO execution (id, session, code_sha256, language, timeout_s, silent, store_history, "
    "collect_files, queued_at, stage, started_at, ended_at, deadline_steady_ns, began_state, "
    "began_reason, began_generation, outcome, result_in_file, result) "
    "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)";
/// One that was never queued is stored whole.
inline constexpr char const* put_execution =
    "INSERT INTO execution (id, session, code_sha256, language, timeout_s, silent, store_history, "
    "collect_files, queued_at, stage, started_at, ended_at, deadline_steady_ns, began_state, "
    "began_reason, began_generation, outcome, result_in_file, result) "
    "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) "
    "ON CONFLICT (id) DO UPDATE SET stage = excluded.stage, started_at = excluded.started_at, "
    "ended_at = excluded.ended_at, deadline_steady_ns = excluded.deadline_steady_ns, "
    "began_state = excluded.began_state, began_reason = excluded.began_reason, "
    "began_generation = excluded.began_generation, outcome = excluded.outcome, "
    "result_in_file = excluded.result_in_file, result = excluded.result";
/// Bound as a whole row: 2 to 9 never change.
inline constexpr char const* update_execution =
    "UPDATE execution SET stage = ?10, started_at = ?11, ended_at = ?12, deadline_steady_ns = ?13, "
    "began_state = ?14, began_reason = ?15, began_generation = ?16, outcome = ?17, "
    "result_in_file = ?18, result = ?19 WHERE id = ?1";
inline constexpr char const* select_execution =
    "SELECT id, session, code_sha256, language, timeout_s, silent, store_history, collect_files, "
    "queued_at, stage, started_at, ended_at, deadline_steady_ns, began_state, began_reason, "
    "began_generation, outcome, result_in_file, result FROM execution WHERE id = ?";
inline constexpr char const* select_executions =
    "SELECT id, session, code_sha256, language, timeout_s, silent, store_history, collect_files, "
    "queued_at, stage, started_at, ended_at, deadline_steady_ns, began_state, began_reason, "
    "began_generation, outcome, result_in_file, '' FROM execution "
    "WHERE session = ? AND number < ? ORDER BY number DESC LIMIT ?";
inline constexpr char const* select_unfinished =
    "SELECT id, session, code_sha256, language, timeout_s, silent, store_history, collect_files, "
    "queued_at, stage, started_at, ended_at, deadline_steady_ns, began_state, began_reason, "
    "began_generation, outcome, result_in_file, result FROM execution "
    "WHERE stage <> 'done' ORDER BY number";
inline constexpr char const* number_of_execution =
    "SELECT number FROM execution WHERE id = ? AND session = ?";
/// Ended ones that are too old or too many; `?1` session, `?2` oldest, `?3` keep.
inline constexpr char const* prune_executions =
    "DELETE FROM execution WHERE session = ?1 AND stage = 'done' AND (ended_at < ?2 OR number NOT "
    "IN (SELECT number FROM execution WHERE session = ?1 AND stage = 'done' "
    "ORDER BY number DESC LIMIT ?3)) RETURNING id, result_in_file";

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
