// SPDX-License-Identifier: Apache-2.0
// Media types of Content-Type and Accept (RFC 9110 §8.3, §12.5.1).
// Never guesses: what is malformed is told apart from what is absent. Pure; any thread.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace http {

struct media_type {
    std::string type;                                         // lower case
    std::string subtype;                                      // lower case
    std::vector<std::pair<std::string, std::string>> params;  // names in lower case

    bool is(std::string_view wanted_type, std::string_view wanted_subtype) const {
        return type == wanted_type && subtype == wanted_subtype;
    }
    /// The first value of this (lower case) name, or nullptr.
    std::string const* param(std::string_view name) const;
};

/// Absent when malformed: no slash, no token, a parameter without a value, a name given twice.
std::optional<media_type> parse_media_type(std::string_view text);

/// application/json, with charset utf-8 or none; nothing else counts as JSON.
bool is_json(media_type const& type);

/// How much the Accept header(s), joined by commas, want "type/subtype": 0–1000, the q of the most
/// specific range that fits. An empty or malformed header wants everything.
unsigned accept_quality(std::string_view accept, std::string_view type, std::string_view subtype);

}  // namespace http
