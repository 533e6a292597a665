// SPDX-License-Identifier: Apache-2.0
// From a method and a path to a route: a table of patterns that can be found by grep and listed.
// Never decodes or normalises: a path matches as it was sent, and `//` matches nothing but a tail.
// Immutable once built; any thread.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace http {

/// `pattern` is literals, `{name}` (one segment, not empty) and, last, `{name...}` (the rest, may
/// be empty and hold slashes), for example "/v1/sessions/{id}/files/{path...}".
struct route {
    std::string_view method;   // a literal that outlives the router
    std::string_view pattern;  // likewise
};

struct routing {
    enum class outcome {
        found,
        not_found,           // no pattern fits the path
        method_not_allowed,  // `allow` names what the path takes
    };
    outcome kind = outcome::not_found;
    /// Index into the table that the router was built from; of a method that is not allowed, one of
    /// those that the path has.
    std::size_t route = 0;
    /// Raw, percent-encoded, as sent; views into the path that was asked for.
    std::vector<std::pair<std::string_view, std::string_view>> params;
    std::string allow;

    /// The parameter of this name as it was sent; empty if the pattern has none.
    std::string_view raw(std::string_view name) const noexcept;
};

class router {
public:
    /// Of two patterns that fit, the one whose first different segment is a literal wins, then
    /// `{name}`, then a tail. Throws std::logic_error for a malformed or doubled pattern: the table
    /// is source code.
    explicit router(std::vector<route> table);

    /// HEAD is found where GET is; `path` must outlive the answer.
    routing find(std::string_view method, std::string_view path) const;

    /// The table in its original order.
    std::vector<route> const& routes() const noexcept { return table_; }

private:
    struct segment {
        enum class kind { literal, param, tail } what = kind::literal;
        std::string_view text;
        friend bool operator==(segment const&, segment const&) = default;
    };
    struct compiled {
        std::vector<segment> segments;
        std::vector<std::size_t> routes;  // same pattern, different methods
    };
    using params = std::vector<std::pair<std::string_view, std::string_view>>;

    static std::vector<segment> parse(std::string_view pattern);
    static bool before(compiled const& a, compiled const& b);
    static bool fits(compiled const& candidate, std::string_view path, params& found);
    std::optional<std::size_t> by_method(compiled const& candidate, std::string_view method) const;
    void collect(compiled const& candidate, std::vector<std::string_view>& methods) const;

    std::vector<route> table_;
    std::vector<compiled> sorted_;
};

}  // namespace http
