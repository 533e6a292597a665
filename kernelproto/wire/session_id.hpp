// SPDX-License-Identifier: Apache-2.0
// The name under which one client writes its messages.
// Never repeats: a kernel silently drops a message whose signature it has seen before, so ids must
// be new for the kernel's whole life, over restarts of the client too. Any thread.
#pragma once

#include <string>

namespace kernelproto {

/// 32 lowercase hex digits from the system's generator.
std::string make_session_id();

}  // namespace kernelproto
