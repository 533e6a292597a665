// SPDX-License-Identifier: Apache-2.0
// Log records as lines. Never splits a record over two writes, never lets a value break the line.
// Any thread: there is no state but the sink.
#include "broker/base/log.hpp"

#include "broker/base/json_text.hpp"

#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>

namespace broker {
namespace {

constexpr std::array<std::string_view, 4> level_words = {"debug", "info", "warning", "error"};

void append_json_value(std::string& out, log_field::value_type const& value) {
    if (auto const* text = std::get_if<std::string>(&value)) {
        append_json_string(out, *text);
    } else if (auto const* integer = std::get_if<std::int64_t>(&value)) {
        out += std::to_string(*integer);
    } else if (auto const* number = std::get_if<double>(&value)) {
        append_json_number(out, *number);
    } else {
        out += std::get<bool>(value) ? "true" : "false";
    }
}

/// A word as it is; anything that a terminal or a reader could stumble over as a JSON string.
void append_readable_value(std::string& out, log_field::value_type const& value) {
    auto const* text = std::get_if<std::string>(&value);
    bool const word =
        text != nullptr && !text->empty() && std::all_of(text->begin(), text->end(), [](char c) {
            return c > ' ' && c < 0x7F && c != '"' && c != '=';
        });
    if (word) {
        out += *text;
    } else {
        append_json_value(out, value);
    }
}

void write_line(int fd, std::string const& line) {
    // One attempt: a reader that is gone or full loses lines rather than stopping the broker.
    // Lines are far below PIPE_BUF, so a pipe takes them whole (pipe(7)).
    while (::write(fd, line.data(), line.size()) < 0 && errno == EINTR) {
    }
}

}  // namespace

std::string_view to_string(log_level level) noexcept {
    return level_words[static_cast<std::size_t>(level)];
}

std::optional<log_level> log_level_from(std::string_view text) noexcept {
    auto const* const found = std::find(level_words.begin(), level_words.end(), text);
    if (found == level_words.end()) {
        return std::nullopt;
    }
    return static_cast<log_level>(found - level_words.begin());
}

std::string to_json_line(log_record const& record) {
    std::string line;
    json_object object(line);
    object.string("time", to_rfc3339(record.at))
        .string("level", to_string(record.level))
        .string("event", record.event);
    for (auto const& field : record.fields) {
        append_json_value(object.member(field.key), field.value);
    }
    object.close();
    line += '\n';
    return line;
}

std::string to_readable_line(log_record const& record) {
    // The date is left out: whoever reads a terminal knows the day.
    std::string line = to_rfc3339(record.at).substr(11, 12);
    line += ' ';
    line += to_string(record.level);
    line += ' ';
    line += record.event;
    for (auto const& field : record.fields) {
        line += ' ';
        line += field.key;
        line += '=';
        append_readable_value(line, field.value);
    }
    line += '\n';
    return line;
}

void logger::operator()(log_level level, std::string_view event,
                        std::initializer_list<log_field> fields) const {
    if (to_ && level >= least_) {
        to_(log_record{read_clocks().wall, level, std::string(event), fields});
    }
}

logger::sink make_fd_sink(int fd, log_format format) {
    bool const readable =
        format == log_format::readable || (format == log_format::automatic && ::isatty(fd) == 1);
    return [fd, readable](log_record const& record) {
        write_line(fd, readable ? to_readable_line(record) : to_json_line(record));
    };
}

}  // namespace broker
