// SPDX-License-Identifier: Apache-2.0
// The requests that the kernel looks into, read from verified messages.
// Never takes code or arguments beyond the bounds below: what is longer is refused with a reason
// that can be told. Values; any thread.
#pragma once

#include "kernelproto/wire/message.hpp"

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace language_kernel {

inline constexpr std::size_t max_code_bytes = std::size_t{16} * 1024 * 1024;
inline constexpr std::size_t max_arguments = 1024;
inline constexpr std::size_t max_argument_bytes = std::size_t{16} * 1024;  // all together

struct execute_request {
    std::string code;
    /// For the program, or for bash the positional parameters. Beyond Jupyter: the member `argv`, a
    /// list of strings, of the content or else of the metadata.
    std::vector<std::string> argv;
    bool silent = false;
    bool store_history = true;
    bool allow_stdin = false;
    bool stop_on_error = true;
    /// Why it can not be run; empty when it can.
    std::string refused;
};

execute_request read_execute_request(kernelproto::message const& from);

/// `cursor_pos` of a complete_request; 0 when it is missing.
std::int64_t read_cursor_pos(kernelproto::frame const& content);

/// `restart` of a shutdown_request.
bool read_restart(kernelproto::frame const& content);

/// `value` of an input_reply.
std::string read_input_value(kernelproto::frame const& content);

}  // namespace language_kernel
