// SPDX-License-Identifier: Apache-2.0
// What the broker must not forget: sessions, sandboxes, executions, keys.
// Each verb is one transaction, durable against the end of the process when it returns (a host that
// fails may lose the last ones, and has lost its kernels anyway). Verbs say the intent: call them
// before the action they are about. Belongs to the loop; a call costs tens of microseconds.
#pragma once

#include "broker/base/result.hpp"
#include "broker/store/rows.hpp"

#include <cstddef>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace broker {

/// What of ended executions stays: the newest `number`, of those what ended after `since`, of those
/// as many as have `file_bytes` in files together; the newest in any case.
struct execution_keep {
    std::size_t number = 100;
    wall_time since;
    std::uint64_t file_bytes = 0;
};
inline constexpr std::uint64_t remembered_pruned = 1000;

/// Failures are `internal` (the disk, a broken file) unless a verb says otherwise.
class session_store {
public:
    virtual ~session_store() = default;
    session_store() = default;
    session_store(session_store const&) = delete;
    session_store& operator=(session_store const&) = delete;

    // Sessions. Reads are for the boot; afterwards the service holds them in memory.

    /// Before anything of it is made. `session_exists` when the tenant has one of that name. A
    /// note that this name had expired is used up.
    virtual result<void> plan_session(session_row const& row) = 0;
    /// After `life`, limits, labels or image changed; unknown ids are `session_not_found`.
    virtual result<void> update_session(session_row const& row) = 0;
    /// Before the first thing of it is deleted: from now on it is only there to be cleaned.
    virtual result<void> intend_close(session_id const& id, close_kind why) = 0;
    /// After the last thing of it is gone; its sandboxes, executions go with it.
    virtual result<void> forget_session(session_id const& id) = 0;
    /// The same, and remembers until `keep_until` that a session of that name expired.
    virtual result<void> expire_session(session_id const& id, wall_time keep_until) = 0;
    /// Whether a session of that name expired, and nobody has come back since.
    virtual result<bool> had_expired(session_key const& key, wall_time now) = 0;
    virtual result<std::vector<session_row>> sessions() = 0;

    // Sandboxes.

    /// Before the first thing of it is made.
    virtual result<void> plan_sandbox(sandbox_row const& row) = 0;
    /// `ready` and the session's new generation belong together: they are one verb.
    virtual result<void> sandbox_ready(sandbox_id const& id, session_row const& session) = 0;
    virtual result<void> sandbox_reached(sandbox_id const& id, sandbox_stage stage) = 0;
    virtual result<void> forget_sandbox(sandbox_id const& id) = 0;
    virtual result<std::vector<sandbox_row>> sandboxes() = 0;

    // Executions.

    /// When it is accepted and has to wait.
    virtual result<void> queue_execution(execution_row const& row) = 0;
    /// Before the code leaves for the kernel; with the truth that was told (`session.life`). One
    /// that need not wait is stored here for the first time.
    virtual result<void> send_execution(execution_row const& row, session_row const& session) = 0;
    /// When it has ended, with what the session lost by it.
    virtual result<void> finish_execution(execution_row const& row, session_row const& session) = 0;
    /// One that came to nothing, and of whom nobody was told. Nothing happens when there is none.
    virtual result<void> forget_execution(execution_id const& id) = 0;
    virtual result<std::optional<execution_row>> execution(execution_id const& id) = 0;
    /// The one of a session that was sent with that idempotency key.
    virtual result<std::optional<execution_row>> execution_of_key(session_id const& session,
                                                                  std::string_view key) = 0;
    /// Newest first, at most `limit`, those queued before `before` when given. Without outputs and
    /// events.
    virtual result<std::vector<execution_row>> executions(session_id const& session,
                                                          std::size_t limit,
                                                          execution_id const* before) = 0;
    /// All that are not done, in the order in which they were queued.
    virtual result<std::vector<execution_row>> unfinished_executions() = 0;
    /// Of whom there may be files: those with a result or events in one, and those not done. Of one
    /// session, or of all.
    virtual result<std::vector<execution_id>> executions_with_files(session_id const* session) = 0;
    /// Deletes ended executions of a session: see `execution_keep`. Returns the ids of those that
    /// have files.
    virtual result<std::vector<execution_id>> prune_executions(session_id const& session,
                                                               execution_keep const& keep) = 0;
    /// The session of an execution that was pruned; the last `remembered_pruned` of each are known.
    virtual result<std::optional<session_id>> pruned_execution(execution_id const& id) = 0;

    // Keys. Another process (`kernel-broker keys`) may write them while the broker runs.

    /// `invalid_field` when the hash is there already.
    virtual result<void> add_key(key_row const& row) = 0;
    /// False when no key has that id, or it was revoked before.
    virtual result<bool> revoke_key(std::string_view id, wall_time at) = 0;
    virtual result<std::vector<key_row>> keys() = 0;
    /// The key of that hash, unless it was revoked.
    virtual result<std::optional<key_row>> key_of(std::string_view sha256) = 0;

    // Anything else, by name.
    virtual result<std::optional<std::string>> note(std::string_view name) = 0;
    virtual result<void> set_note(std::string_view name, std::string_view value) = 0;
};

}  // namespace broker
