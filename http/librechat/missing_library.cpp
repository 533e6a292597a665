// SPDX-License-Identifier: Apache-2.0
// One row for each language that says it in words of its own. Pure.
#include "http/librechat/missing_library.hpp"

#include <algorithm>
#include <array>
#include <cstddef>

namespace http::librechat {
namespace {

struct wording {
    std::string_view before, after;
};

constexpr std::array<wording, 5> wordings = {{{"ModuleNotFoundError: No module named '", "'"},
                                              {"Error: Cannot find module '", "'"},
                                              {"there is no package called \u2018", "\u2019"},
                                              {"there is no package called '", "'"},
                                              {"fatal error: ", ": No such file or directory"}}};

constexpr std::size_t longest = 80;

bool is_name(std::string_view text) {
    return !text.empty() && text.size() <= longest && text[0] != '.' && text[0] != '/' &&
           std::all_of(text.begin(), text.end(), [](char c) { return c > ' ' && c < '\x7f'; });
}

}  // namespace

std::optional<std::string> missing_library(std::string_view stderr_text) {
    std::optional<std::string> found;
    std::size_t last = 0;
    for (auto const& [before, after] : wordings) {
        auto const at = stderr_text.rfind(before);
        if (at == std::string_view::npos || (found && at < last)) {
            continue;
        }
        auto const rest = stderr_text.substr(at + before.size(), longest + after.size());
        auto const name = rest.substr(0, rest.find(after));
        if (name.size() < rest.size() && is_name(name)) {
            found = std::string(name);
            last = at;
        }
    }
    return found;
}

}  // namespace http::librechat
