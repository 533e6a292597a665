// SPDX-License-Identifier: Apache-2.0
// A session store that forgets with its process, for tests.
// Never promises less than the interface within its life. One owner, one thread.
#pragma once

#include "broker/store/session_store.hpp"

#include <memory>

namespace broker {

std::unique_ptr<session_store> make_memory_store();

}  // namespace broker
