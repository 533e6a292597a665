// SPDX-License-Identifier: Apache-2.0
// The rules of names. Never normalises: a name is taken as it is or refused. Pure.
#include "broker/core/names.hpp"

#include "broker/base/utf8.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace broker {
namespace {

constexpr std::size_t max_session_name = 128;
constexpr std::size_t max_labels = 64;
constexpr std::size_t max_label_name = 63;
constexpr std::size_t max_label_value = 256;

bool is_alphanumeric(char c) noexcept {
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

bool is_label_name(std::string_view text) noexcept {
    return !text.empty() && text.size() <= max_label_name &&
           std::all_of(text.begin(), text.end(), [](char c) {
               return is_alphanumeric(c) || c == '.' || c == '_' || c == '/' || c == '-';
           });
}

bool is_label_value(std::string_view text) noexcept {
    return text.size() <= max_label_value && is_utf8(text) &&
           std::none_of(text.begin(), text.end(),
                        [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7F; });
}

}  // namespace

bool is_session_name(std::string_view text) noexcept {
    return !text.empty() && text.size() <= max_session_name && text != "." && text != ".." &&
           std::all_of(text.begin(), text.end(), [](char c) {
               return is_alphanumeric(c) || c == '.' || c == '_' || c == ':' || c == '-';
           });
}

result<void> check_session_name(std::string_view text) {
    if (!is_session_name(text)) {
        return fail(errc::invalid_field,
                    "a session id is 1 to 128 characters of A-Z a-z 0-9 . _ : - and neither '.' "
                    "nor '..'");
    }
    return {};
}

result<void> check_labels(label_list const& labels) {
    if (labels.size() > max_labels) {
        return fail(errc::invalid_field, fmt::format("at most {} labels are kept", max_labels));
    }
    for (auto at = labels.begin(); at != labels.end(); ++at) {
        if (!is_label_name(at->first)) {
            return fail(errc::invalid_field,
                        "the name of a label is 1 to 63 characters of A-Z a-z 0-9 . _ / -");
        }
        if (!is_label_value(at->second)) {
            return fail(errc::invalid_field,
                        fmt::format("the value of label '{}' must be at most {} bytes of UTF-8 "
                                    "without control characters",
                                    at->first, max_label_value));
        }
        if (std::any_of(labels.begin(), at,
                        [&](auto const& other) { return other.first == at->first; })) {
            return fail(errc::invalid_field,
                        fmt::format("label '{}' is given more than once", at->first));
        }
    }
    return {};
}

}  // namespace broker
