// SPDX-License-Identifier: Apache-2.0
// Files of the person who runs a client command: read whole, replaced whole.
// Never leaves half a file under the name, and never is used for a session's files (beneath is).
// Functions that block; any thread.
#pragma once

#include "broker/base/result.hpp"

#include <string>
#include <string_view>

namespace broker {

/// "-" is standard input. Errors name the path.
result<std::string> read_whole_file(std::string const& path);

/// By a temporary file beside it and rename(2); one that exists keeps its mode. Errors name the
/// path.
result<void> replace_file(std::string const& path, std::string_view bytes);

}  // namespace broker
