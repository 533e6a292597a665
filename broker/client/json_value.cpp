// SPDX-License-Identifier: Apache-2.0
// nlohmann/json with its exceptions off. Never recurses into what has not been measured.
// Pure; any thread.
#include "broker/client/json_value.hpp"

namespace broker::client {
namespace {

constexpr int deepest = 200;

bool too_deep(std::string_view text) {
    int depth = 0;
    bool quoted = false;
    for (std::size_t at = 0; at < text.size(); ++at) {
        char const c = text[at];
        if (quoted) {
            at += c == '\\' ? 1 : 0;
            quoted = c != '"';
        } else if (c == '"') {
            quoted = true;
        } else if (c == '[' || c == '{') {
            if (++depth > deepest) {
                return true;
            }
        } else if (c == ']' || c == '}') {
            --depth;
        }
    }
    return false;
}

}  // namespace

std::optional<json> parse_json(std::string_view text) {
    if (too_deep(text)) {
        return std::nullopt;
    }
    auto value = json::parse(text, nullptr, false);
    return value.is_discarded() ? std::nullopt : std::optional{std::move(value)};
}

json const* member(json const& from, std::string_view name) {
    if (!from.is_object()) {
        return nullptr;
    }
    auto const found = from.find(std::string(name));
    return found == from.end() ? nullptr : &*found;
}

std::string text_of(json const& from, std::string_view name) {
    auto const* found = member(from, name);
    auto const* text = found != nullptr ? found->get_ptr<json::string_t const*>() : nullptr;
    return text != nullptr ? *text : std::string{};
}

std::int64_t number_of(json const& from, std::string_view name, std::int64_t otherwise) {
    auto const* found = member(from, name);
    if (found == nullptr) {
        return otherwise;
    }
    if (auto const* whole = found->get_ptr<json::number_unsigned_t const*>()) {
        return *whole <= INT64_MAX ? static_cast<std::int64_t>(*whole) : otherwise;
    }
    auto const* whole = found->get_ptr<json::number_integer_t const*>();
    return whole != nullptr ? *whole : otherwise;
}

bool truth_of(json const& from, std::string_view name) {
    auto const* found = member(from, name);
    auto const* truth = found != nullptr ? found->get_ptr<json::boolean_t const*>() : nullptr;
    return truth != nullptr && *truth;
}

std::string to_text(json const& value, int indent) {
    return value.dump(indent, ' ', false, json::error_handler_t::replace);
}

}  // namespace broker::client
