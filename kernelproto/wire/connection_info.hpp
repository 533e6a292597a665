// SPDX-License-Identifier: Apache-2.0
// A kernel's connection file: where its five sockets are and the key that signs its messages.
// Never describes anything but unix sockets with HMAC-SHA256: a file that says otherwise is
// refused, not adapted. Values; any thread.
#pragma once

#include "kernelproto/wire/result.hpp"

#include <cstddef>
#include <string>
#include <string_view>

namespace kernelproto {

/// For transport `ipc` the "ip" is a path prefix and a "port" its suffix: `<ip>-<port>`.
struct connection_info {
    std::string ip;
    int shell_port = 1;
    int iopub_port = 2;
    int stdin_port = 3;
    int control_port = 4;
    int hb_port = 5;
    std::string key;
    std::string kernel_name;

    friend bool operator==(connection_info const&, connection_info const&) = default;
};

/// Longest path of a unix socket that libzmq takes (sun_path without its zero).
inline constexpr std::size_t max_socket_path = 107;

/// The path of one socket.
std::string socket_path(connection_info const& info, int port);

/// Wants every field but `kernel_name`; ports 1..65535, all different; a key; paths that fit.
/// Fails with `bad_connection_info`, or `unsupported_scheme` for another signature scheme. Files
/// that ask for CURVE keys are refused. Other unknown fields are skipped.
result<connection_info> parse_connection_info(std::string_view file);

/// The bytes of the file.
std::string print_connection_info(connection_info const& info);

}  // namespace kernelproto
