// SPDX-License-Identifier: Apache-2.0
// How many descriptors this process may open: one session costs about ten of them.
// Never guesses: each question reads the limit and /proc anew. Any thread, but for the raising.
#pragma once

#include <sys/resource.h>

#include <cstdint>

namespace broker {

/// Raises the soft limit to the hard one. 0 or errno. Before there is a second thread; once.
int raise_descriptor_limit();

/// What programs are started with: the limit as it was before it was raised. Those that use
/// select(2) break with descriptors above 1023, and others close all there may be, one by one.
rlimit descriptor_limit_of_programs();

/// How many more may be opened; 0 when not even that can be looked up, the largest number when the
/// host does not tell.
std::uint64_t free_descriptors();

/// The call may succeed when something of the host is given back: descriptors or memory.
bool is_shortage(int error_number) noexcept;

}  // namespace broker
