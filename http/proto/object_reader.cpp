// SPDX-License-Identifier: Apache-2.0
// Reading of typed fields with one sticky failure. Never quotes more than a little of what was
// sent. One thread at a time.
#include "http/proto/object_reader.hpp"

#include "http/proto/json_text.hpp"

#include <boost/json/serialize.hpp>
#include <boost/json/value.hpp>
#include <fmt/format.h>

#include <algorithm>
#include <cmath>

namespace http {
namespace {

namespace json = boost::json;

constexpr std::size_t longest_quote = 64;

std::string quoted(std::string_view name) {
    std::string out;
    append_json_string(out, name.substr(0, longest_quote));
    return out;
}

json::string_view to_json(std::string_view text) { return {text.data(), text.size()}; }

}  // namespace

/// What all readers of one document share.
struct object_reader::shared {
    struct level {
        json::object const* object = nullptr;
        std::string prefix;
        std::vector<std::string> known;
    };
    unknown_fields rule = unknown_fields::refuse;
    std::optional<broker::failure> first;
    std::vector<level> levels;
    json_document document;

    shared(unknown_fields r, json_document d) : rule(r), document(std::move(d)) {}
};

object_reader::object_reader(json_document const& document, unknown_fields rule)
    : object_reader(std::make_shared<shared>(rule, document), document.root().if_object(), {}) {
    if (object_ == nullptr) {
        fail({broker::errc::invalid_field, "The body must be a JSON object."});
    }
}

object_reader::object_reader(std::shared_ptr<shared> state, json::object const* object,
                             std::string prefix)
    : state_(std::move(state)), object_(object), prefix_(std::move(prefix)) {
    level_ = state_->levels.size();
    state_->levels.push_back({object_, prefix_, {}});
}

std::string object_reader::full(std::string_view name) const { return prefix_ + std::string(name); }

json::value const* object_reader::look(std::string_view name) {
    state_->levels[level_].known.emplace_back(name);
    auto const* const value = object_ == nullptr ? nullptr : object_->if_contains(to_json(name));
    bool const as_absent =
        value != nullptr && value->is_null() && state_->rule == unknown_fields::ignore;
    return as_absent ? nullptr : value;
}

bool object_reader::has(std::string_view name) const {
    auto const* const value = object_ == nullptr ? nullptr : object_->if_contains(to_json(name));
    return value != nullptr && !(value->is_null() && state_->rule == unknown_fields::ignore);
}

void object_reader::fail(broker::failure what) {
    if (!state_->first) {
        state_->first = std::move(what);
    }
}

void object_reader::reject(std::string_view name, std::string_view why) {
    fail({broker::errc::invalid_field, fmt::format("The field {} {}.", quoted(full(name)), why)});
}

void object_reader::wrong_type(std::string_view name, std::string_view expected) {
    reject(name, fmt::format("must be {}", expected));
}

std::optional<std::string> object_reader::text(std::string_view name) {
    auto const* const value = look(name);
    if (value == nullptr) {
        return std::nullopt;
    }
    if (auto const* const string = value->if_string()) {
        return std::string(string->data(), string->size());
    }
    wrong_type(name, "a string");
    return std::nullopt;
}

std::string object_reader::required_text(std::string_view name) {
    auto found = text(name);
    if (!found && !has(name)) {
        reject(name, "is missing: it must be a string");
    }
    return std::move(found).value_or(std::string{});
}

std::optional<bool> object_reader::boolean(std::string_view name) {
    auto const* const value = look(name);
    if (value == nullptr) {
        return std::nullopt;
    }
    if (auto const* const flag = value->if_bool()) {
        return *flag;
    }
    wrong_type(name, "true or false");
    return std::nullopt;
}

std::optional<double> object_reader::number(std::string_view name) {
    auto const* const value = look(name);
    if (value == nullptr) {
        return std::nullopt;
    }
    if (auto const* const d = value->if_double()) {
        return *d;
    }
    if (auto const* const i = value->if_int64()) {
        return static_cast<double>(*i);
    }
    if (auto const* const u = value->if_uint64()) {
        return static_cast<double>(*u);
    }
    wrong_type(name, "a number");
    return std::nullopt;
}

std::optional<std::uint64_t> object_reader::whole(std::string_view name) {
    auto const* const value = look(name);
    if (value == nullptr) {
        return std::nullopt;
    }
    if (auto const* const u = value->if_uint64()) {
        return *u;
    }
    if (auto const* const i = value->if_int64(); i != nullptr && *i >= 0) {
        return static_cast<std::uint64_t>(*i);
    }
    constexpr double exact = 9007199254740992.0;  // 2^53: above it doubles skip whole numbers
    if (auto const* const d = value->if_double();
        d != nullptr && *d >= 0 && *d <= exact && std::floor(*d) == *d) {
        return static_cast<std::uint64_t>(*d);
    }
    wrong_type(name, "a whole number of 0 or more");
    return std::nullopt;
}

std::optional<std::map<std::string, std::string>> object_reader::texts(std::string_view name) {
    auto const* const value = look(name);
    if (value == nullptr) {
        return std::nullopt;
    }
    auto const* const members = value->if_object();
    if (members == nullptr) {
        wrong_type(name, "an object of strings");
        return std::nullopt;
    }
    std::map<std::string, std::string> out;
    for (auto const& member : *members) {
        auto const* const string = member.value().if_string();
        std::string key(member.key().data(), member.key().size());
        if (string == nullptr) {
            wrong_type(fmt::format("{}.{}", name, key), "a string");
            return std::nullopt;
        }
        out.emplace(std::move(key), std::string(string->data(), string->size()));
    }
    return out;
}

std::optional<std::string> object_reader::raw(std::string_view name) {
    auto const* const value = look(name);
    return value == nullptr ? std::nullopt : std::optional(json::serialize(*value));
}

std::optional<std::vector<std::string>> object_reader::list(std::string_view name,
                                                            bool one_is_enough) {
    auto const* const value = look(name);
    if (value == nullptr) {
        return std::nullopt;
    }
    std::vector<std::string> out;
    auto const add = [&out](json::value const& one) {
        auto const* const string = one.if_string();
        if (string != nullptr) {
            out.emplace_back(string->data(), string->size());
        }
        return string != nullptr;
    };
    if (one_is_enough && add(*value)) {
        return out;
    }
    auto const* const items = value->if_array();
    if (items == nullptr) {
        wrong_type(name, "an array of strings");
        return std::nullopt;
    }
    for (auto const& one : *items) {
        if (!add(one)) {
            wrong_type(fmt::format("{}.{}", name, out.size()), "a string");
            return std::nullopt;
        }
    }
    return out;
}

std::vector<object_reader> object_reader::objects(std::string_view name, std::size_t most) {
    std::vector<object_reader> out;
    auto const* const value = look(name);
    if (value == nullptr) {
        return out;
    }
    auto const* const items = value->if_array();
    if (items == nullptr || items->size() > most) {
        wrong_type(name, fmt::format("an array of at most {} objects", most));
        return out;
    }
    for (auto const& one : *items) {
        auto const* const object = one.if_object();
        auto const place = fmt::format("{}.{}", name, out.size());
        if (object == nullptr) {
            wrong_type(place, "an object");
        }
        out.push_back(object_reader(state_, object, full(place) + "."));
    }
    return out;
}

object_reader object_reader::object(std::string_view name) {
    auto const* const value = look(name);
    auto const* const nested = value == nullptr ? nullptr : value->if_object();
    if (value != nullptr && nested == nullptr) {
        wrong_type(name, "an object");
    }
    return {state_, nested, full(name) + "."};
}

broker::result<void> object_reader::finish() const {
    if (state_->first) {
        return *state_->first;
    }
    if (state_->rule == unknown_fields::ignore) {
        return {};
    }
    for (auto const& level : state_->levels) {
        if (level.object == nullptr) {
            continue;
        }
        for (auto const& member : *level.object) {
            std::string_view const key{member.key().data(), member.key().size()};
            if (std::find(level.known.begin(), level.known.end(), key) == level.known.end()) {
                return broker::fail(broker::errc::unknown_field,
                                    fmt::format("The field {} is not known here; known are: {}.",
                                                quoted(level.prefix + std::string(key)),
                                                fmt::join(level.known, ", ")));
            }
        }
    }
    return {};
}

}  // namespace http
