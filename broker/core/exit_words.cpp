// SPDX-License-Identifier: Apache-2.0
// Statuses, signals and terminal text. Never interprets a sequence beyond its end. Pure.
#include "broker/core/exit_words.hpp"

#include <sys/wait.h>

#include <algorithm>
#include <array>

namespace broker {
namespace {

struct named_signal {
    int number;
    std::string_view words;
};

// signal(7); the numbers of Linux on x86 and ARM.
constexpr std::array<named_signal, 12> signals = {{
    {1, "SIGHUP (hangup)"},
    {2, "SIGINT (interrupt)"},
    {3, "SIGQUIT (quit)"},
    {4, "SIGILL (illegal instruction)"},
    {6, "SIGABRT (abort)"},
    {7, "SIGBUS (bus error)"},
    {8, "SIGFPE (arithmetic error)"},
    {9, "SIGKILL (killed from outside)"},
    {11, "SIGSEGV (segmentation fault)"},
    {13, "SIGPIPE (broken pipe)"},
    {15, "SIGTERM (terminated)"},
    {31, "SIGSYS (forbidden system call)"},
}};

constexpr int highest_signal = 64;

/// Length of the escape sequence at the start of `text`, which begins with ESC.
std::size_t escape_length(std::string_view text) {
    if (text.size() < 2) {
        return text.size();
    }
    std::size_t at = 2;
    auto const in = [&](unsigned char first, unsigned char last) {
        return at < text.size() && static_cast<unsigned char>(text[at]) >= first &&
               static_cast<unsigned char>(text[at]) <= last;
    };
    switch (text[1]) {
        case '[':  // CSI: parameters, intermediates, one final byte
            while (in(0x20, 0x3F)) {
                ++at;
            }
            return in(0x40, 0x7E) ? at + 1 : at;
        case ']':  // OSC and the other strings end with BEL or ESC backslash
        case 'P':
        case 'X':
        case '^':
        case '_':
            for (; at < text.size(); ++at) {
                if (text[at] == '\a') {
                    return at + 1;
                }
                if (text[at] == '\x1b') {
                    return text.substr(at, 2) == "\x1b\\" ? at + 2 : at;
                }
            }
            return at;
        default:
            at = 1;
            while (in(0x20, 0x2F)) {
                ++at;
            }
            return in(0x30, 0x7E) ? at + 1 : at;
    }
}

bool is_exit_hint(std::string_view line) {
    return line.ends_with("UserWarning: To exit: use 'exit', 'quit', or Ctrl-D.") ||
           line.starts_with("  warn(\"To exit: use 'exit', 'quit', or Ctrl-D.\"");
}

std::string without_exit_hint(std::string_view text) {
    std::string out;
    while (!text.empty()) {
        auto const end = text.find('\n');
        auto const line = text.substr(0, end);
        auto const whole = end == std::string_view::npos ? text : text.substr(0, end + 1);
        if (!is_exit_hint(line)) {
            out += whole;
        }
        text.remove_prefix(whole.size());
    }
    return out;
}

void append_line(std::string& out, std::string_view line) {
    if (line.empty()) {
        return;
    }
    if (!out.empty() && out.back() != '\n') {
        out += '\n';
    }
    out += line;
    if (out.back() != '\n') {
        out += '\n';
    }
}

/// 0 to 255, in digits alone.
std::optional<int> small_number(std::string_view text) {
    if (text.empty() || text.size() > 3 ||
        text.find_first_not_of("0123456789") != std::string_view::npos) {
        return std::nullopt;
    }
    int value = 0;
    for (char const digit : text) {
        value = value * 10 + (digit - '0');
    }
    return value <= 255 ? std::optional(value) : std::nullopt;
}

}  // namespace

process_end process_end_of(int raw) noexcept {
    if (WIFSIGNALED(raw)) {
        return {0, WTERMSIG(raw)};
    }
    int const status = WIFEXITED(raw) ? WEXITSTATUS(raw) : 255;
    if (status > 128 && status <= 128 + highest_signal) {
        return {status, status - 128};
    }
    return {status, 0};
}

std::string signal_words(int signal) {
    auto const* const found = std::find_if(
        signals.begin(), signals.end(), [&](named_signal const& s) { return s.number == signal; });
    return found != signals.end() ? std::string(found->words) : "signal " + std::to_string(signal);
}

std::optional<int> system_exit_status(std::string_view evalue) {
    if (evalue.empty() || evalue == "False") {
        return 0;
    }
    if (evalue == "True") {
        return 1;
    }
    bool const negative = evalue.front() == '-';
    auto const digits = evalue.substr(negative ? 1 : 0);
    if (digits.empty() || (digits.front() == '0' && evalue.size() > 1) ||
        digits.find_first_not_of("0123456789") != std::string_view::npos) {
        return std::nullopt;
    }
    unsigned value = 0;
    for (char const digit : digits) {
        value = (value * 10 + static_cast<unsigned>(digit - '0')) & 0xFFU;
    }
    return static_cast<int>((negative ? 256 - value : value) & 0xFFU);
}

std::optional<program_end> program_end_of(raised_error const& error) {
    if (error.traceback.size() != 1) {
        return std::nullopt;
    }
    std::string_view const value = error.evalue;
    if (error.ename == "ExitStatus" || error.ename == "CompileError") {
        auto const status = small_number(value);
        return status ? std::optional(program_end{*status, false, {}}) : std::nullopt;
    }
    if (error.ename == "Signal") {  // "SIGSEGV (11)"
        auto const open = value.rfind('(');
        auto const signal = open == std::string_view::npos || value.back() != ')'
                                ? std::nullopt
                                : small_number(value.substr(open + 1, value.size() - open - 2));
        if (!signal || *signal < 1 || *signal > highest_signal) {
            return std::nullopt;
        }
        return program_end{128 + *signal, true,
                           "the program was ended by " + signal_words(*signal)};
    }
    if (error.ename == "MissingProgram") {
        return program_end{127, false, "the session's image has no " + error.evalue};
    }
    if (error.ename == "NotStarted") {
        return program_end{126, false, "the code was not run: " + error.evalue};
    }
    return std::nullopt;
}

std::string strip_ansi(std::string_view text) {
    std::string out;
    out.reserve(text.size());
    while (!text.empty()) {
        auto const escape = text.find('\x1b');
        out.append(text.substr(0, escape));
        if (escape == std::string_view::npos) {
            break;
        }
        text.remove_prefix(escape);
        text.remove_prefix(escape_length(text));
    }
    return out;
}

std::string plain_stderr(std::string_view printed, std::optional<raised_error> const& error,
                         std::string_view note) {
    std::string out;
    if (error && error->ename == "SystemExit") {
        out = without_exit_hint(printed);
        if (!system_exit_status(error->evalue)) {
            append_line(out, error->evalue);
        }
    } else {
        out = printed;
        if (error && !program_end_of(*error)) {
            std::string trace;
            for (auto const& line : error->traceback) {
                trace += trace.empty() ? "" : "\n";
                trace += strip_ansi(line);
            }
            if (trace.empty()) {
                trace = error->ename + ": " + error->evalue;
            }
            append_line(out, trace);
        }
    }
    if (!note.empty()) {
        append_line(out, "kernel-broker: " + std::string(note));
    }
    return out;
}

}  // namespace broker
