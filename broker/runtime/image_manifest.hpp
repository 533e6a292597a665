// SPDX-License-Identifier: Apache-2.0
// The digest that names an image: over path, type, mode, owner, size and content of everything in
// its root. Never over times, so that the same input gives the same name. Blocks while it reads;
// any thread.
#pragma once

#include "broker/base/result.hpp"

#include <filesystem>
#include <string>

namespace broker {

/// 64 hex digits. Refuses a root that holds devices, pipes or sockets: an image needs none, and a
/// sandbox must not get one by this way. Follows no symlink.
result<std::string> digest_of_root(std::filesystem::path const& root);

}  // namespace broker
