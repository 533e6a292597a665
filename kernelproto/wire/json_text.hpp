// SPDX-License-Identifier: Apache-2.0
// JSON of a peer as text: checked once, then cut into pieces, never built into a tree.
// Never allocates by the number of members or elements that a peer sends, and never gives out a
// byte that was not checked. Values and views; a view lives as long as the text it was cut from.
#pragma once

#include "kernelproto/wire/frames.hpp"
#include "kernelproto/wire/result.hpp"

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace kernelproto {

/// Deepest nesting that is accepted. Plots and widgets nest some dozens of levels.
inline constexpr std::size_t max_json_depth = 128;

/// A view of one JSON value inside checked text; empty when a member is absent.
class json_value {
public:
    json_value() = default;

    /// Precondition: `raw` is checked text of exactly one value.
    explicit json_value(std::string_view raw) noexcept : raw_(raw) {}

    /// The bytes as the peer sent them, without surrounding blanks.
    std::string_view raw() const noexcept { return raw_; }
    bool present() const noexcept { return !raw_.empty(); }
    bool is_object() const noexcept { return raw_.starts_with('{'); }
    bool is_array() const noexcept { return raw_.starts_with('['); }

    /// Without a value for any other type. Numbers with a fraction or an exponent, and those
    /// beyond 64 bits, are no integers.
    std::optional<std::string> string() const;
    std::optional<std::int64_t> integer() const noexcept;
    std::optional<bool> boolean() const noexcept;

    /// The last member of that name; absent for what is not an object. Walks the whole object.
    json_value member(std::string_view key) const;

    struct wanted {
        std::string_view key;
        std::string_view raw = {};  // filled; empty when absent
    };
    /// As `member` for several keys in one walk.
    void members(std::span<wanted> keys) const;

private:
    std::string_view raw_;
};

/// Walks the elements of an array; ends at once for what is not an array.
class json_elements {
public:
    explicit json_elements(json_value array) noexcept;
    /// False at the end, and `element` is as it was.
    bool next(json_value& element) noexcept;

private:
    std::string_view rest_;
};

/// A whole frame that holds one well-formed JSON object of valid UTF-8.
class json_object {
public:
    /// Checks form, depth and encoding. What honest kernels are known to get wrong is mended, in a
    /// copy: bytes that are not UTF-8 and lone surrogate escapes become U+FFFD; NaN, Infinity and
    /// -Infinity become null. Everything else that is not JSON fails with `bad_json`.
    static result<json_object> parse(frame bytes);

    json_value value() const noexcept { return json_value{text_.bytes()}; }

private:
    explicit json_object(frame text) noexcept : text_(std::move(text)) {}

    frame text_;
};

/// Appends `text` as a JSON string with its quotes; bytes that are not UTF-8 become U+FFFD.
void append_json_string(std::string& out, std::string_view text);

}  // namespace kernelproto
