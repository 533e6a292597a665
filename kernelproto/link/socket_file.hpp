// SPDX-License-Identifier: Apache-2.0
// One socket in a directory that a hostile process can write to, taken hold of before it is used.
// Never resolves a name twice and never follows a link: what was checked is what is connected to,
// whatever the path becomes afterwards. Stateless; blocks for no longer than a system call.
#pragma once

#include "kernelproto/link/owned_fd.hpp"
#include "kernelproto/wire/result.hpp"

#include <sys/types.h>

#include <string>

namespace kernelproto {

/// Opens `name` below `directory` (a descriptor of a directory) without following or leaving, and
/// checks that it is a socket of `owner`. Fails with a `link_errc`: `missing`, `escapes`,
/// `not_a_socket`, `foreign_owner` or `no_resources`.
result<owned_fd> open_socket_file(int directory, std::string const& name, uid_t owner);

/// A socket to connect to a kernel with: non-blocking, and where Linux knows how to (6.16), nobody
/// can pass it descriptors. The last close of one may block for as long as its sender chose, as
/// that of a TCP socket that lingers does, and a passed one that we do not want is closed by us.
/// Empty when there are no resources.
owned_fd socket_for_kernel();

/// Connects once and lets go: a socket exists from bind(2) on, but refuses until listen(2), and a
/// ZeroMQ socket that does not reconnect would never try again. Fails with `not_listening` or
/// `no_resources`.
result<void> probe_socket_file(owned_fd const& file);

/// A path to the very socket that `file` holds, valid while `file` is open.
std::string path_of(owned_fd const& file);

}  // namespace kernelproto
