// SPDX-License-Identifier: Apache-2.0
// What the image builder does with files of the host: whole writes and a lock.
// Never used on anything a session can write. Blocks; any thread.
#pragma once

#include "broker/base/result.hpp"
#include "broker/base/unique_fd.hpp"

#include <filesystem>
#include <functional>
#include <string_view>

namespace broker {

/// A new file, 0644, on disk before it returns.
result<void> write_file(std::filesystem::path const& path, std::string_view text);

/// The file is the old one or the new one at every moment, also after a crash of the host.
result<void> replace_file(std::filesystem::path const& path, std::string_view text);

/// Everything of the file system that holds `path` is on disk.
void sync_file_system(std::filesystem::path const& path);

/// Held until the descriptor is closed, or its process ends. `on_wait`: somebody else holds it.
result<unique_fd> lock_file(std::filesystem::path const& path,
                            std::function<void()> const& on_wait);

}  // namespace broker
