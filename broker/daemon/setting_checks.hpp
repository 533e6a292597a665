// SPDX-License-Identifier: Apache-2.0
// What texts of the configuration must look like, one function per kind.
// Never looks at the host: a path that does not exist may be made later. Pure; any thread.
#pragma once

#include <optional>
#include <string_view>

namespace broker {

/// Nothing when `text` is good, else what is allowed.
using refusal = std::optional<std::string_view>;

refusal refuse_listen(std::string_view text);
refusal refuse_network(std::string_view text);
refusal refuse_host(std::string_view text);
refusal refuse_file(std::string_view text);
refusal refuse_token_name(std::string_view text);
refusal refuse_directory(std::string_view text);
refusal refuse_directory_or_empty(std::string_view text);
refusal refuse_program(std::string_view text);
refusal refuse_image_name(std::string_view text);
refusal refuse_language(std::string_view text);

}  // namespace broker
