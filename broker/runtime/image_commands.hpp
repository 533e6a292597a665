// SPDX-License-Identifier: Apache-2.0
// The commands that an image is built with, and what the host's apt says about where from.
// Never names a host: mirrors, proxies and indexes are the host's own settings. Pure; any thread.
#pragma once

#include "broker/runtime/image_definition.hpp"

#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

namespace broker {

using command_line = std::vector<std::string>;

/// Asks the host's apt for its sources; `debian_sources` reads the answer.
command_line apt_sources_command();

/// Lines for sources.list: the host's entries for `suite`, its updates and its security archive,
/// component main. Empty when the host has none.
std::string debian_sources(std::string_view answer, std::string_view suite);

/// Asks the host's apt for its settings; `apt_options` keeps those that say how to fetch.
command_line apt_options_command();
std::string apt_options(std::string_view answer);

/// Wheels for the image's Python and machine, and pip's own, into `to`.
command_line download_command(image_definition const& definition, std::string const& host_python,
                              std::string_view machine, std::filesystem::path const& to);

/// The Debian packages as a root in `to`, with nothing of this process left when it ends or dies.
command_line bootstrap_command(image_definition const& definition,
                               std::filesystem::path const& sources,
                               std::filesystem::path const& options,
                               std::filesystem::path const& to);

/// `setup` inside the root, without network, with `wheels` shown read-only at /.build/wheels.
command_line setup_command(std::filesystem::path const& root, std::filesystem::path const& wheels);

}  // namespace broker
