// SPDX-License-Identifier: Apache-2.0
// An execution as JSON in its native form: what clients get, what the table keeps of it, and what
// ends its log. Never re-builds the kernel's JSON: outputs are spliced. Pure; any thread.
#pragma once

#include "broker/core/execution.hpp"

#include <string>
#include <string_view>

namespace broker {

/// `/v1/executions/{id}`.
std::string execution_json(execution const& e);

/// The same without `stdout`, `stderr`, `result` and `outputs`: the data of `end`.
std::string summary_json(execution const& e);

/// What the summary lacks, as members without braces.
std::string outputs_members(rendered_outputs const& output);

/// The whole, of its two parts.
std::string joined(std::string_view summary, std::string_view members);

/// The data of `files`.
std::string files_data(execution const& e);

/// `files[]`, also of the simple form.
std::string files_json(execution const& e);

}  // namespace broker
