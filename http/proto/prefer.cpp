// SPDX-License-Identifier: Apache-2.0
// Reading of Prefer. Never goes on behind what it did not understand. Pure; any thread.
#include "http/proto/prefer.hpp"

#include "http/proto/ascii.hpp"
#include "http/proto/header_params.hpp"

#include <algorithm>
#include <string>
#include <string_view>

namespace http {
namespace {

/// A larger one means the same (RFC 9111 §1.2.2), and sums with it cannot overflow.
constexpr std::uint64_t longest_wait_s = std::uint64_t{1} << 31;

/// `token [ BWS "=" BWS word ]`; without a value it is empty, which means the same (§2).
struct named_value {
    std::string name;
    std::string value;
};

std::optional<named_value> take_named_value(std::string_view& text) {
    named_value out{ascii::to_lower(take_token(text)), {}};
    if (out.name.empty()) {
        return std::nullopt;
    }
    text = ascii::trim(text);
    if (!text.starts_with('=')) {
        return out;
    }
    text = ascii::trim(text.substr(1));
    if (text.starts_with('"')) {
        text.remove_prefix(1);
        auto quoted = take_quoted(text);
        if (!quoted) {
            return std::nullopt;
        }
        out.value = std::move(*quoted);
    } else {
        out.value = take_token(text);
    }
    text = ascii::trim(text);
    return out;
}

/// What follows a preference up to the next comma; false if that is not a row of parameters.
bool skip_parameters(std::string_view& text) {
    while (text.starts_with(';')) {
        text = ascii::trim(text.substr(1));
        bool const none = text.empty() || text[0] == ';' || text[0] == ',';
        if (!none && !take_named_value(text)) {
            return false;
        }
    }
    return text.empty() || text[0] == ',';
}

/// Digits only; a number of any length is one.
std::optional<std::chrono::seconds> parse_wait(std::string_view value) {
    if (value.empty() || !std::all_of(value.begin(), value.end(), ascii::is_digit)) {
        return std::nullopt;
    }
    auto const number = ascii::to_number(value).value_or(longest_wait_s);
    return std::chrono::seconds(std::min(number, longest_wait_s));
}

broker::failure refused(std::string sentence) {
    return broker::fail(broker::errc::invalid_field, std::move(sentence));
}

}  // namespace

broker::result<preferences> parse_prefer(fields const& headers) {
    preferences out;
    auto const all = headers.joined("Prefer").value_or("");
    std::string_view text = ascii::trim(all);
    while (!text.empty()) {
        if (text[0] == ',') {  // also an empty element (RFC 9110 §5.6.1)
            text = ascii::trim(text.substr(1));
            continue;
        }
        auto const one = take_named_value(text);
        if (!one || !skip_parameters(text)) {
            return refused("Prefer: this is not a list of preferences (RFC 7240)");
        }
        if (one->name == "respond-async" && !out.respond_async) {
            if (!one->value.empty()) {
                return refused("Prefer: respond-async takes no value");
            }
            out.respond_async = true;
        } else if (one->name == "wait" && !out.wait) {
            out.wait = parse_wait(one->value);
            if (!out.wait) {
                return refused("Prefer: wait must be a whole number of seconds, as in wait=10");
            }
        }
    }
    return out;
}

}  // namespace http
