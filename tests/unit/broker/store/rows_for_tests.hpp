// SPDX-License-Identifier: Apache-2.0
// Rows with a value in every field, so that one that is not stored is missed.
// Never two rows of one id. Values; any thread.
#pragma once

#include "broker/store/rows.hpp"

namespace broker::test {

inline wall_time at(int seconds) {
    return wall_time{std::chrono::milliseconds{1'700'000'000'123} + std::chrono::seconds{seconds}};
}

inline session_row session(std::string name = "alice", std::string tenant = "default") {
    return {.id = session_id::make(),
            .key = {std::move(tenant), std::move(name)},
            .language = "python",
            .image_digest = "sha256:abc",
            .uid = 200'017,
            .session_limits = {123, 0.75, 17, 456, 2.5},
            .idle_timeout_s = 12.5,
            .labels = {{"team", "data = science"}, {"empty", ""}},
            .life = {{{"bash", {9, 9, {}, true}}, {"python", {3, 2, state_reason::oom}}},
                     true,
                     state_reason::host_restart,
                     at(7)},
            .closing = close_kind::none,
            .has_files = true,
            .created_at = at(1)};
}

inline sandbox_row sandbox(session_id of) {
    return {.id = sandbox_id::make(),
            .session = std::move(of),
            .language = "python",
            .generation = 4,
            .stage = sandbox_stage::planned,
            .hmac_key = "secret",
            .socket_prefix = "k",
            .created_at = at(2)};
}

inline execution_row execution(session_id of) {
    return {.id = execution_id::make(),
            .session = std::move(of),
            .code_sha256 = "00ff",
            .language = "python",
            .timeout_s = 60,
            .silent = true,
            .store_history = false,
            .collect_files = false,
            .allow_stdin = true,
            .queued_at = at(3)};
}

inline key_row key(std::string id, std::string sha256) {
    return {.id = std::move(id),
            .name = "laptop",
            .tenant = "default",
            .sha256 = std::move(sha256),
            .created_at = at(4)};
}

}  // namespace broker::test
