// SPDX-License-Identifier: Apache-2.0
// The JSON of a request, read strictly: what two parsers could understand differently is refused.
// Never recurses with the input and never builds more than a bounded number of values.
// Values; any thread, so that a large body can be parsed on the pool.
#pragma once

#include <boost/json/fwd.hpp>
#include <boost/system/result.hpp>

#include <cstddef>
#include <memory>
#include <string>
#include <string_view>

namespace http {

struct json_error {
    std::string sentence;      // what is wrong and where, for the client
    std::size_t position = 0;  // byte offset in the body
};

[[noreturn]] void throw_exception_from_error(json_error const& e, boost::source_location const&);

/// A parsed body; `object_reader` looks into it. Copies share the value.
class json_document {
public:
    explicit json_document(std::shared_ptr<boost::json::value const> root)
        : root_(std::move(root)) {}
    boost::json::value const& root() const noexcept { return *root_; }

private:
    std::shared_ptr<boost::json::value const> root_;
};

inline constexpr std::size_t max_json_depth = 64;
inline constexpr std::size_t max_json_values = 100'000;
inline constexpr std::size_t max_json_members = 1'000;

/// Refuses: duplicate keys at any level, invalid UTF-8, a BOM, NaN and Infinity, numbers that no
/// double holds, lone surrogate escapes, bytes after the value, more depth, values or members of
/// one object than above. The caller has bounded the size of `body`.
boost::system::result<json_document, json_error> parse_json_request(std::string_view body);

}  // namespace http
