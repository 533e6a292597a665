// SPDX-License-Identifier: Apache-2.0
// Contents of the messages that the kernel writes (Jupyter messaging specification).
// Never holds text that is not valid UTF-8. Pure; any thread.
#pragma once

#include "images/language-kernel/cell_end.hpp"
#include "images/language-kernel/languages.hpp"

#include <cstdint>
#include <string>
#include <string_view>

namespace language_kernel {

std::string status_content(std::string_view state);
std::string execute_input_content(std::string_view code, std::int64_t count);
std::string stream_content(std::string_view name, std::string_view text);
std::string error_content(kernelproto::raised const& error);
std::string input_request_content();

/// Ok or error. A shell that was lost is told by a payload {"source": "shell_lost", "when":
/// "after" | "before"}: after this cell, or before it.
std::string execute_reply_content(cell_end const& end, std::int64_t count);
std::string aborted_content();

std::string kernel_info_content(language const& of);
std::string complete_content(std::int64_t cursor_pos);
std::string inspect_content();
std::string is_complete_content();
std::string history_content();
std::string comm_info_content();
std::string ok_content();
std::string shutdown_content(bool restart);

}  // namespace language_kernel
