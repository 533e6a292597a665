// SPDX-License-Identifier: Apache-2.0
// JSON by appending (RFC 8259). Never lets a control character or a broken sequence through.
// No state beyond the text of the caller.
#include "broker/base/json_text.hpp"

#include "broker/base/utf8.hpp"

#include <fmt/compile.h>
#include <fmt/format.h>

#include <cmath>
#include <cstdint>
#include <cstring>
#include <iterator>

namespace broker {
namespace {

bool is_plain(char c) noexcept {
    auto const u = static_cast<unsigned char>(c);
    return u >= 0x20 && u < 0x80 && c != '"' && c != '\\';
}

/// How many bytes at the beginning of `text` are plain: eight at a time, as text of many megabytes
/// is written here.
std::size_t plain_run(std::string_view text) noexcept {
    constexpr std::uint64_t each = 0x0101010101010101U;
    constexpr std::uint64_t high = 0x80 * each;
    // The high bit of a byte that is zero, at least of the first that is.
    auto const zeros = [](std::uint64_t bytes) {
        return (bytes - each) & ~bytes & high;
    };
    std::size_t run = 0;
    for (std::uint64_t eight = 0; run + sizeof eight <= text.size(); run += sizeof eight) {
        std::memcpy(&eight, text.data() + run, sizeof eight);
        auto const controls = (eight - 0x20 * each) & ~eight & high;
        if ((controls | zeros(eight ^ ('"' * each)) | zeros(eight ^ ('\\' * each)) |
             (eight & high)) != 0) {
            break;
        }
    }
    while (run < text.size() && is_plain(text[run])) {
        ++run;
    }
    return run;
}

void append_escape(std::string& out, char c) {
    switch (c) {
        case '"':
            out += "\\\"";
            return;
        case '\\':
            out += "\\\\";
            return;
        case '\n':
            out += "\\n";
            return;
        case '\r':
            out += "\\r";
            return;
        case '\t':
            out += "\\t";
            return;
        default:
            fmt::format_to(std::back_inserter(out), FMT_COMPILE("\\u{:04x}"),
                           static_cast<unsigned char>(c));
    }
}

}  // namespace

void append_json_string(std::string& out, std::string_view text) {
    out += '"';
    while (!text.empty()) {
        auto const run = plain_run(text);
        out.append(text.substr(0, run));
        text.remove_prefix(run);
        if (text.empty()) {
            break;
        }
        if (static_cast<unsigned char>(text.front()) < 0x80) {
            append_escape(out, text.front());
            text.remove_prefix(1);
        } else if (std::size_t const length = utf8_sequence(text); length > 0) {
            out.append(text.substr(0, length));
            text.remove_prefix(length);
        } else {
            out += "\xEF\xBF\xBD";
            text.remove_prefix(1);
        }
    }
    out += '"';
}

void append_json_number(std::string& out, double value) {
    if (!std::isfinite(value)) {
        out += "null";
    } else if (value == std::floor(value) && std::fabs(value) < 1e15) {
        fmt::format_to(std::back_inserter(out), FMT_COMPILE("{}"),
                       static_cast<std::int64_t>(value));
    } else {
        fmt::format_to(std::back_inserter(out), FMT_COMPILE("{}"), value);
    }
}

std::string& json_object::member(std::string_view name) {
    out_ += first_ ? "\"" : ",\"";
    first_ = false;
    out_ += name;
    out_ += "\":";
    return out_;
}

json_object& json_object::string(std::string_view name, std::string_view value) {
    append_json_string(member(name), value);
    return *this;
}

json_object& json_object::integer(std::string_view name, std::int64_t value) {
    fmt::format_to(std::back_inserter(member(name)), FMT_COMPILE("{}"), value);
    return *this;
}

json_object& json_object::number(std::string_view name, double value) {
    append_json_number(member(name), value);
    return *this;
}

json_object& json_object::boolean(std::string_view name, bool value) {
    member(name) += value ? "true" : "false";
    return *this;
}

json_object& json_object::null(std::string_view name) {
    member(name) += "null";
    return *this;
}

json_object& json_object::raw(std::string_view name, std::string_view value) {
    member(name) += value;
    return *this;
}

}  // namespace broker
