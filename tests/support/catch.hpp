// SPDX-License-Identifier: Apache-2.0
// Catch2, whichever of 2.13 and 3 the distribution has. Never uses what only one of them offers.
#pragma once

#if __has_include(<catch2/catch_all.hpp>)
#include <catch2/catch_all.hpp>
#else
#include <catch2/catch.hpp>
namespace Catch::Matchers {
inline auto ContainsSubstring(std::string const& text) { return Contains(text); }
}  // namespace Catch::Matchers
#endif
