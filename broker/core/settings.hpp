// SPDX-License-Identifier: Apache-2.0
// Everything an operator can set, with its default and unit. Plain data: who reads the file, the
// environment and the flags fills it in and checks it before anything starts. Values.
#pragma once

#include "broker/core/admission.hpp"
#include "broker/core/limits.hpp"
#include "broker/core/outputs.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace broker {

struct server_settings {
    /// `ADDRESS:PORT`, `[V6]:PORT`, or `unix:/path`.
    std::string listen = "127.0.0.1:8000";
    /// Mode of a unix socket.
    std::uint32_t unix_mode = 0660;
    /// Peers that need no key (CIDR).
    std::vector<std::string> trusted_networks;
    /// Names accepted in `Host` beside those of loopback; empty: see `wrong_host`.
    std::vector<std::string> allowed_hosts;
    std::uint32_t header_bytes = 16 * 1024;
    double header_timeout_s = 10;
    /// Without one byte of progress.
    double body_timeout_s = 30;
    double keep_alive_s = 75;
    std::uint64_t json_body_bytes = std::uint64_t{32} << 20;
    std::uint64_t upload_bytes = std::uint64_t{1} << 30;
    std::uint32_t connections = 1024;
    /// How long executions, uploads and downloads may still take after SIGTERM. Enough for the
    /// default time limit of an execution, and for its interrupt.
    double drain_s = 75;
    /// `keep`: sandboxes live on after SIGTERM and are adopted at the next start; `end`: they end.
    std::string sandboxes_on_exit = "keep";
};

/// Tokens that a chat server signs for its users (JWT); off without `key_files`.
struct token_settings {
    /// Public keys: PEM, or JWK sets.
    std::vector<std::string> key_files;
    std::vector<std::string> algorithms{"EdDSA", "RS256"};
    std::string issuer = "librechat";
    std::string audience = "codeapi";
    double clock_skew_s = 30;
    /// From `iat` to `exp`.
    double max_lifetime_s = 600;
};

struct librechat_settings {
    /// What a call goes on by: `hint` (its runtime_session_hint), or also `session_id` (that of an
    /// earlier answer).
    std::string state = "hint";
    std::uint32_t max_files = 10;  // of one answer
};

struct session_settings {
    std::string language = "python";
    double idle_timeout_s = 30 * 60;
    double idle_timeout_max_s = 24 * 3600;
    /// How long the workspace stays after that.
    double workspace_keep_s = 24 * 3600;
    /// Versions of files, since their last use, and most bytes of them.
    double versions_keep_s = 30 * 24 * 3600;
    std::uint64_t version_bytes_per_tenant = std::uint64_t{50} << 30;
    admission_caps caps;
};

/// Of a session that asks for nothing, and the most that one may ask for.
struct limit_settings {
    limits defaults;
    limits maxima{.memory_bytes = std::uint64_t{8} << 30,
                  .cpus = 4,
                  .pids = 1024,
                  .disk_bytes = std::uint64_t{16} << 30,
                  .timeout_s = 600};
};

struct sandbox_settings {
    /// `auto` (crun, else runc), or the path or name of an OCI runtime.
    std::string runtime = "auto";
    /// Image of a language, by name in the image store.
    std::string image = "python";
    double boost_cpus = 2;
    double start_timeout_s = 60;
    std::uint64_t tmp_bytes = std::uint64_t{64} << 20;
    std::uint64_t shm_bytes = std::uint64_t{64} << 20;
    /// `loop` (a loop-mounted ext4 of `disk_bytes`), or `none`: no limit on disk space.
    std::string workspace_quota = "loop";
    /// Prepared file systems kept in stock.
    std::uint32_t workspace_stock = 4;
};

struct execution_settings {
    output_limits output;
    /// Of one message of a kernel; above it the session's kernel is replaced.
    std::uint64_t message_bytes = std::uint64_t{512} << 20;
    /// What carries the messages of kernels: `zmtp` (our own) or `libzmq`.
    std::string kernel_link = "zmtp";
    /// From the interrupt at the deadline until the kernel is ended.
    double interrupt_grace_s = 4;
    /// Ended executions a session keeps, for how long, and how much of them outside of the table.
    std::uint32_t keep = 100;
    double keep_s = 24 * 3600;
    std::uint64_t keep_bytes = std::uint64_t{256} << 20;
};

struct log_settings {
    std::string level = "info";   // debug, info, warning, error
    std::string format = "auto";  // auto (readable on a terminal), json, readable
};

struct settings {
    std::string state_dir = "/var/lib/kernel-broker";
    /// Where images are; empty: `images` below `state_dir`.
    std::string image_dir;
    server_settings server;
    token_settings tokens;
    librechat_settings librechat;
    session_settings sessions;
    limit_settings limits;
    sandbox_settings sandbox;
    execution_settings executions;
    log_settings log;
};

}  // namespace broker
