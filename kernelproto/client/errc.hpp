// SPDX-License-Identifier: Apache-2.0
// Why a kernel did not become usable.
// Never carries text from the peer. Values; no threads.
#pragma once

#include <boost/system/error_code.hpp>
#include <boost/system/is_error_code_enum.hpp>

namespace kernelproto {

enum class client_errc {
    /// The deadline passed before reply and iopub were heard.
    timed_out = 1,
    /// The kernel process ended.
    kernel_died,
    /// Another kernel began to answer on the same sockets.
    kernel_replaced,
    /// A socket could not be opened, broke, or is closed.
    unreachable,
    /// The owner gave up.
    abandoned,
};

boost::system::error_category const& client_category() noexcept;
boost::system::error_code make_error_code(client_errc code) noexcept;

}  // namespace kernelproto

template <>
struct boost::system::is_error_code_enum<kernelproto::client_errc> : std::true_type {};
