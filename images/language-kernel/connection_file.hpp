// SPDX-License-Identifier: Apache-2.0
// The kernel's side of a connection file: where to bind five sockets, and the key.
// Never serves without a key or with another scheme than HMAC-SHA256. Unlike the broker's reader it
// takes tcp too, which Jupyter's own programs use. Values; any thread.
#pragma once

#include "kernelproto/wire/result.hpp"

#include <string>
#include <string_view>

namespace language_kernel {

/// Addresses as zmq_bind(3) takes them.
struct connection_file {
    std::string shell;
    std::string iopub;
    std::string stdin_channel;
    std::string control;
    std::string heartbeat;
    std::string key;
};

/// Fails with `bad_connection_info` or `unsupported_scheme`.
kernelproto::result<connection_file> parse_connection_file(std::string_view text);

}  // namespace language_kernel
