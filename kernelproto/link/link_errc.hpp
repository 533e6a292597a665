// SPDX-License-Identifier: Apache-2.0
// What can be wrong with a socket of a kernel before and while it is used.
// Never carries a name that came from the peer. Values; no threads.
#pragma once

#include <boost/system/error_code.hpp>
#include <boost/system/is_error_code_enum.hpp>

namespace kernelproto {

enum class link_errc {
    /// Nothing is at the path yet.
    missing = 1,
    /// A socket is there, and nobody accepts on it (yet), or its queue is full.
    not_listening,
    /// The path is or crosses a symbolic link, or leaves the directory or its file system.
    escapes,
    /// A FIFO, a regular file, a directory, a device.
    not_a_socket,
    /// The socket belongs to another user than the kernel's.
    foreign_owner,
    /// The host refused a descriptor, memory or the call itself.
    no_resources,
    /// The connection is gone, or was never made.
    disconnected,
    /// The link was closed by its owner.
    closed,
};

boost::system::error_category const& link_category() noexcept;
boost::system::error_code make_error_code(link_errc code) noexcept;

}  // namespace kernelproto

template <>
struct boost::system::is_error_code_enum<kernelproto::link_errc> : std::true_type {};
