// SPDX-License-Identifier: Apache-2.0
// The lines themselves. Never one that bash could read as two. Pure; any thread.
#include "images/language-kernel/shell_lines.hpp"

#include <charconv>
#include <cstddef>

namespace language_kernel {
namespace {

/// No honest line is longer; what is, is dropped.
constexpr std::size_t max_line_bytes = 256;

template <class Number>
std::optional<Number> number_of(std::string_view text) {
    Number value{};
    auto const [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    return error == std::errc{} && end == text.data() + text.size() ? std::optional{value}
                                                                    : std::nullopt;
}

}  // namespace

std::vector<std::string> shell_command(std::string path) {
    return {std::move(path), "--norc", "--noprofile", "--noediting", "-i", "-s"};
}

std::string first_line() {
    return "PS1= PS2= PROMPT_COMMAND=; unset HISTFILE MAILCHECK; set +o history +o histexpand; "
           "history -c\n";
}

std::string quoted(std::string_view word) {
    std::string out = "'";
    for (char const c : word) {
        if (c == '\'') {
            out += R"('\'')";
        } else {
            out += c;
        }
    }
    return out + "'";
}

std::string cell_line(std::string_view file, std::vector<std::string> const& argv,
                      std::string_view input) {
    std::string line = "builtin . " + quoted(file);
    for (auto const& word : argv) {
        line += ' ' + quoted(word);
    }
    return line + " <" + quoted(input) + " >&8 2>&7 9>&- 8>&- 7>&-\n";
}

std::string source_line(std::string_view file) {
    std::string line = "builtin . ";
    for (char const c : file) {
        line += '\\';
        line += c;
    }
    return line + '\n';
}

std::string end_line(std::uint64_t cell) {
    auto const id = std::to_string(cell);
    return "builtin printf " + id +
           "\\\\040%s\\\\n $? >&9; builtin disown -a; builtin set +euvxm; " + "builtin printf " +
           id + "\\\\040end\\\\n >&9\n";
}

std::optional<int> shell_ear::hear(std::string_view bytes, std::uint64_t cell) {
    if (of_ != cell) {
        of_ = cell;
        status_.reset();
        ended_ = false;
    }
    begun_.append(bytes);
    for (std::size_t at = begun_.find('\n'); at != std::string::npos; at = begun_.find('\n')) {
        hear_line(std::string_view{begun_}.substr(0, at), cell);
        begun_.erase(0, at + 1);
    }
    if (begun_.size() > max_line_bytes) {
        begun_.clear();
    }
    return ended_ ? status_ : std::nullopt;
}

void shell_ear::hear_line(std::string_view line, std::uint64_t cell) {
    auto const blank = line.find(' ');
    if (blank == std::string_view::npos ||
        number_of<std::uint64_t>(line.substr(0, blank)) != cell || ended_) {
        return;
    }
    auto const word = line.substr(blank + 1);
    if (word == "end") {
        // The line with the status may have been lost to an interrupt.
        status_ = status_.value_or(130);
        ended_ = true;
    } else if (!status_) {
        status_ = number_of<int>(word);
    }
}

}  // namespace language_kernel
