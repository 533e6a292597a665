// SPDX-License-Identifier: Apache-2.0
// Settings of the HTTP server and of who may talk to it, for `setting_table.cpp` alone: it uses
// what is here, and takes the macro away. Never a second place for a default. Constants; any
// thread.
#pragma once

#include "broker/daemon/setting_checks.hpp"
#include "broker/daemon/setting_table.hpp"

#include <array>
#include <string_view>

namespace broker::setting_rows {

using enum setting_unit;

inline constexpr double kib = 1024;
inline constexpr double mib = 1024 * kib;
inline constexpr double gib = 1024 * mib;
inline constexpr double tib = 1024 * gib;
inline constexpr double day = 24 * 3600;

inline constexpr std::array<std::string_view, 2> exits{"keep", "end"};
inline constexpr std::array<std::string_view, 2> continuations{"hint", "session_id"};
inline constexpr std::array<std::string_view, 2> token_algorithms{"EdDSA", "RS256"};

// A row's place in `settings`, spelled once.
#define KB_AT(path)                    \
    [](settings& s) -> setting_field { \
        return &s.path;                \
    }

inline constexpr std::string_view server = "Server";
inline constexpr std::array server_rows{
    setting{.key = "listen",
            .group = server,
            .at = KB_AT(server.listen),
            .doc = "Address to serve on: ADDRESS:PORT, [V6]:PORT or unix:/path. Anything but "
                   "loopback or a unix socket needs a key, jwt_key_files or trusted_networks.",
            .refuse = refuse_listen},
    setting{.key = "unix_mode",
            .group = server,
            .unit = mode,
            .at = KB_AT(server.unix_mode),
            .doc = "Permissions of the unix socket, octal with 0o in front.",
            .least = 0,
            .most = 0777},
    setting{.key = "trusted_networks",
            .group = server,
            .at = KB_AT(server.trusted_networks),
            .doc = "Networks (CIDR) whose peers need no key; they are the tenant \"default\".",
            .refuse = refuse_network},
    setting{.key = "allowed_hosts",
            .group = server,
            .at = KB_AT(server.allowed_hosts),
            .doc = "Names accepted in the Host header beside those of loopback. Empty: on loopback "
                   "no others, elsewhere any.",
            .refuse = refuse_host},
    setting{.key = "connections",
            .group = server,
            .at = KB_AT(server.connections),
            .doc = "Most connections at once; more get 503 too_many_connections.",
            .least = 1,
            .most = 65536},
    setting{.key = "header_bytes",
            .group = server,
            .unit = bytes,
            .at = KB_AT(server.header_bytes),
            .doc = "Largest request line and headers together.",
            .least = kib,
            .most = 60 * kib},
    setting{
        .key = "header_timeout_s",
        .group = server,
        .unit = seconds,
        .at = KB_AT(server.header_timeout_s),
        .doc = "Time for a request's headers to arrive, and for the first byte of a connection.",
        .least = 0.1,
        .most = 3600},
    setting{.key = "body_timeout_s",
            .group = server,
            .unit = seconds,
            .at = KB_AT(server.body_timeout_s),
            .doc = "Time without a byte of progress after which a body is given up.",
            .least = 0.1,
            .most = 3600},
    setting{.key = "keep_alive_s",
            .group = server,
            .unit = seconds,
            .at = KB_AT(server.keep_alive_s),
            .doc = "Time an idle connection is kept for the next request.",
            .least = 0.1,
            .most = day},
    setting{.key = "json_body_bytes",
            .group = server,
            .unit = bytes,
            .at = KB_AT(server.json_body_bytes),
            .doc = "Largest JSON body of a request.",
            .least = kib,
            .most = gib},
    setting{.key = "upload_bytes",
            .group = server,
            .unit = bytes,
            .at = KB_AT(server.upload_bytes),
            .doc = "Largest upload; it is streamed to disk, not held in memory.",
            .least = kib,
            .most = 64 * tib},
    setting{.key = "drain_s",
            .group = server,
            .unit = seconds,
            .at = KB_AT(server.drain_s),
            .doc = "Time that executions, uploads and downloads still get after SIGTERM. An "
                   "execution that "
                   "does not end within it is answered as unknown and goes on.",
            .least = 0,
            .most = day},
    setting{.key = "sandboxes_on_exit",
            .group = server,
            .at = KB_AT(server.sandboxes_on_exit),
            .doc = "What becomes of sandboxes after SIGTERM: keep (the next start adopts them, "
                   "variables and all) or end.",
            .choices = exits},
};

inline constexpr std::string_view tokens = "Tokens of users (JWT)";
inline constexpr std::array token_rows{
    setting{.key = "jwt_key_files",
            .group = tokens,
            .at = KB_AT(tokens.key_files),
            .doc = "Files of the public keys that tokens are verified with: PEM, or a JWK set. "
                   "Empty: no tokens are taken. Looked at again every second.",
            .refuse = refuse_file},
    setting{.key = "jwt_algorithms",
            .group = tokens,
            .at = KB_AT(tokens.algorithms),
            .doc = "Algorithms that a token may have; it must also be that of the key.",
            .choices = token_algorithms},
    setting{.key = "jwt_issuer",
            .group = tokens,
            .at = KB_AT(tokens.issuer),
            .doc = "What iss of a token must be.",
            .refuse = refuse_token_name},
    setting{.key = "jwt_audience",
            .group = tokens,
            .at = KB_AT(tokens.audience),
            .doc = "What aud of a token must be, or must have in its list.",
            .refuse = refuse_token_name},
    setting{.key = "jwt_clock_skew_s",
            .group = tokens,
            .unit = seconds,
            .at = KB_AT(tokens.clock_skew_s),
            .doc = "How far the clock of who signs tokens may be from ours.",
            .least = 0,
            .most = 300},
    setting{.key = "jwt_max_lifetime_s",
            .group = tokens,
            .unit = seconds,
            .at = KB_AT(tokens.max_lifetime_s),
            .doc = "Longest time from iat to exp of a token.",
            .least = 1,
            .most = day},
};

inline constexpr std::string_view librechat = "LibreChat";
inline constexpr std::array librechat_rows{
    setting{.key = "librechat_state",
            .group = librechat,
            .at = KB_AT(librechat.state),
            .doc = "What keeps variables for a later call: the runtime_session_hint of both, or "
                   "also the session_id of an earlier answer.",
            .choices = continuations},
    setting{
        .key = "librechat_max_files",
        .group = librechat,
        .at = KB_AT(librechat.max_files),
        .doc = "New and changed files that one answer tells of; the others are named in stderr.",
        .least = 0,
        .most = 1000},
};

}  // namespace broker::setting_rows
