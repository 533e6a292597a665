// SPDX-License-Identifier: Apache-2.0
// Writes JSON by appending to text: for documents into which bytes of others are spliced as they
// are. Never parses, and never makes text that is not valid JSON and UTF-8. Values; any thread.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace broker {

/// Appends `text` as a JSON string with its quotes. Bytes that are not UTF-8 become U+FFFD.
void append_json_string(std::string& out, std::string_view text);

/// Appends the shortest form that reads back as the same number; `null` for what JSON cannot say.
void append_json_number(std::string& out, double value);

/// `{"a":1,"b":[...]}`, one member after the other; names are ours and need no escape.
class json_object {
public:
    explicit json_object(std::string& out) : out_(out) { out_ += '{'; }

    json_object& string(std::string_view name, std::string_view value);
    json_object& integer(std::string_view name, std::int64_t value);
    json_object& number(std::string_view name, double value);
    json_object& boolean(std::string_view name, bool value);
    json_object& null(std::string_view name);
    // `null` for what is absent.
    json_object& string_or_null(std::string_view name, std::optional<std::string> const& value) {
        return value ? string(name, *value) : null(name);
    }
    template <class Number>
    json_object& integer_or_null(std::string_view name, std::optional<Number> const& value) {
        return value ? integer(name, static_cast<std::int64_t>(*value)) : null(name);
    }
    /// Of an enumeration that has `to_string`.
    template <class Words>
    json_object& word_or_null(std::string_view name, std::optional<Words> const& value) {
        return value ? string(name, to_string(*value)) : null(name);
    }

    /// `value` is JSON already.
    json_object& raw(std::string_view name, std::string_view value);
    /// Writes the name only; the caller appends the value to the same text.
    std::string& member(std::string_view name);

    void close() { out_ += '}'; }

private:
    std::string& out_;
    bool first_ = true;
};

}  // namespace broker
