// SPDX-License-Identifier: Apache-2.0
// The names that things have inside the broker, each its own type.
// Never mixes an id of ours with a name that a client chose. Values; any thread.
#pragma once

#include <compare>
#include <functional>
#include <string>
#include <string_view>
#include <utility>

namespace broker {

/// 21 characters of `[A-Za-z0-9_-]` (126 random bits) from the kernel's generator.
std::string make_random_id();

/// True for what `make_random_id` can return.
bool is_random_id(std::string_view text) noexcept;

template <class Tag>
class basic_id {
public:
    basic_id() = default;
    explicit basic_id(std::string text) : text_(std::move(text)) {}

    static basic_id make() { return basic_id{make_random_id()}; }

    std::string const& str() const noexcept { return text_; }
    bool empty() const noexcept { return text_.empty(); }

    friend bool operator==(basic_id const&, basic_id const&) = default;
    friend auto operator<=>(basic_id const&, basic_id const&) = default;

private:
    std::string text_;
};

/// Our own name of a session; the client's name is `session_key::name`.
using session_id = basic_id<struct session_id_tag>;
using sandbox_id = basic_id<struct sandbox_id_tag>;
using execution_id = basic_id<struct execution_id_tag>;
/// Of one version of one file; clients see it.
using file_version_id = basic_id<struct file_version_id_tag>;

/// What a client calls its session, unique within its tenant.
struct session_key {
    std::string tenant;
    std::string name;

    friend bool operator==(session_key const&, session_key const&) = default;
    friend auto operator<=>(session_key const&, session_key const&) = default;
};

}  // namespace broker

template <class Tag>
struct std::hash<broker::basic_id<Tag>> {
    std::size_t operator()(broker::basic_id<Tag> const& id) const noexcept {
        return std::hash<std::string>{}(id.str());
    }
};
