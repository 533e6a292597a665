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

#include <boost/system/result.hpp>

#include <string>

// A result is shown as whether it holds a value: neither a value nor a failure need be printable.
template <class T, class E>
struct Catch::StringMaker<boost::system::result<T, E>> {
    static std::string convert(boost::system::result<T, E> const& r) {
        return r.has_value() ? "a value" : "a failure";
    }
};
