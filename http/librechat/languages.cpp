// SPDX-License-Identifier: Apache-2.0
// One table. Pure.
#include "http/librechat/languages.hpp"

#include "http/proto/ascii.hpp"

#include <algorithm>
#include <array>
#include <utility>

namespace http::librechat {
namespace {

using spelling = std::pair<std::string_view, std::string_view>;

constexpr std::array<spelling, 34> spellings = {{
    {"bash", "bash"},   {"sh", "bash"},   {"shell", "bash"},    {"py", "py"},     {"python", "py"},
    {"python3", "py"},  {"js", "js"},     {"javascript", "js"}, {"node", "js"},   {"nodejs", "js"},
    {"bun", "js"},      {"ts", "ts"},     {"typescript", "ts"}, {"c", "c"},       {"cpp", "cpp"},
    {"c++", "cpp"},     {"java", "java"}, {"php", "php"},       {"rs", "rs"},     {"rust", "rs"},
    {"go", "go"},       {"golang", "go"}, {"d", "d"},           {"dlang", "d"},   {"f90", "f90"},
    {"fortran", "f90"}, {"f95", "f90"},   {"r", "r"},           {"rscript", "r"}, {"ipython", "py"},
    {"jsx", "js"},      {"tsx", "ts"},    {"cc", "cpp"},        {"cxx", "cpp"},
}};

}  // namespace

std::optional<std::string_view> canonical_language(std::string_view name) {
    auto const wanted = ascii::to_lower(name);
    auto const at = std::find_if(spellings.begin(), spellings.end(),
                                 [&wanted](auto const& one) { return one.first == wanted; });
    return at == spellings.end() ? std::nullopt : std::optional(at->second);
}

std::vector<std::string> kernels_for(std::string_view canonical, bool keeps_state) {
    if (canonical != "py") {
        return {std::string(canonical)};
    }
    return keeps_state ? std::vector<std::string>{"python"}
                       : std::vector<std::string>{"py", "python"};
}

}  // namespace http::librechat
