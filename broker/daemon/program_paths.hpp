// SPDX-License-Identifier: Apache-2.0
// Where our own programs and folders are: beside this one, installed or in a build tree.
// Never a search in PATH, which others may have set. Reads /proc/self/exe; any thread.
#pragma once

#include "broker/core/settings.hpp"

#include <string>

namespace broker {

/// Absolute path of `kernel-broker-monitor`; where it should be installed if it is nowhere.
std::string monitor_program();

/// Absolute path of a program that images hold, such as `language-kernel`, in the same way.
std::string image_program(std::string const& name);

/// `image_dir`, or `images` below `state_dir`.
std::string images_directory(settings const& of);

}  // namespace broker
