// SPDX-License-Identifier: Apache-2.0
// One function for each kind of event. Never an escape sequence of ours where no terminal is.
// One thread.
#include "broker/client/presenter.hpp"

#include "broker/base/base64.hpp"
#include "broker/client/verdict_text.hpp"

#include <fmt/format.h>

#include <array>
#include <optional>
#include <utility>

namespace broker::client {
namespace {

struct image_kind {
    std::string_view mime;
    std::string_view extension;
    bool text;
};

constexpr std::array<image_kind, 6> image_kinds{{{"image/png", "png", false},
                                                 {"image/jpeg", "jpg", false},
                                                 {"image/gif", "gif", false},
                                                 {"image/webp", "webp", false},
                                                 {"application/pdf", "pdf", false},
                                                 {"image/svg+xml", "svg", true}}};

/// A text of a bundle, whole or as the list of lines that notebooks hold.
std::optional<std::string> bundle_text(json const& data, std::string_view mime) {
    auto const* found = member(data, mime);
    if (found == nullptr) {
        return std::nullopt;
    }
    if (auto const* text = found->get_ptr<json::string_t const*>()) {
        return *text;
    }
    if (!found->is_array()) {
        return std::nullopt;
    }
    std::string out;
    for (auto const& line : *found) {
        if (auto const* text = line.get_ptr<json::string_t const*>()) {
            out += *text;
        }
    }
    return out;
}

/// IPython tells whoever leaves by sys.exit() how to leave IPython. The line and its source are
/// dropped, as they are from `stderr` of an execution (broker/core/exit_words).
std::string without_exit_hint(std::string text) {
    constexpr std::string_view hint = "To exit: use 'exit', 'quit', or Ctrl-D.";
    for (auto at = text.find(hint); at != std::string::npos; at = text.find(hint)) {
        auto const before = text.rfind('\n', at);
        auto const begin = before == std::string::npos ? 0 : before + 1;
        auto const end = text.find('\n', at);
        text.erase(begin, end == std::string::npos ? end : end + 1 - begin);
    }
    return text;
}

/// sys.exit(value) prints the value unless it is a number, a truth value or nothing.
bool is_exit_message(std::string_view value) {
    auto const digits = value.substr(value.starts_with('-') ? 1 : 0);
    bool const number = !digits.empty() && digits.find_first_not_of("0123456789") == digits.npos;
    return !value.empty() && !number && value != "True" && value != "False" && value != "None";
}

std::string traceback_text(json const& event) {
    std::string out;
    auto const* lines = member(event, "traceback");
    if (lines != nullptr && lines->is_array()) {
        for (auto const& line : *lines) {
            if (auto const* text = line.get_ptr<json::string_t const*>()) {
                out += *text + "\n";
            }
        }
    }
    if (!out.empty()) {
        return out;
    }
    return fmt::format("{}: {}\n", text_of(event, "ename"), text_of(event, "evalue"));
}

}  // namespace

std::vector<effect> presenter::on_event(sse_event const& event) {
    std::vector<effect> out;
    auto const parsed = parse_json(event.data);
    json const data = parsed ? *parsed : json::object();
    auto const& type = event.type;
    if (type == "stdout" || type == "stderr") {
        auto text = text_of(data, "text");
        bool const err = type == "stderr";
        on_text(err ? without_exit_hint(std::move(text)) : std::move(text), err, out);
    } else if (type == "execute_result") {
        on_display(data, true, out);
    } else if (type == "display_data" || type == "update_display_data") {
        on_display(data, false, out);
    } else if (type == "clear_output") {
        on_clear(truth_of(data, "wait"), out);
    } else if (type == "error") {
        on_error(data, out);
    } else if (type == "input_request") {
        clear_now(out);
        out.push_back({effect::kind::ask, text_of(data, "prompt"), {}, truth_of(data, "password")});
        // Whoever types the answer on this terminal ends the line.
        out_open_ = out_open_ && !options_.out_terminal;
        err_open_ = false;
    } else if (type == "truncated") {
        out.push_back(note(fmt::format("too much output: {} bytes of it were dropped",
                                       number_of(data, "dropped_bytes", 0))));
    } else if (type == "queued" && options_.err_terminal && number_of(data, "position", 0) > 0) {
        out.push_back(
            note(fmt::format("waiting behind {} others", number_of(data, "position", 0))));
    } else if (type == "end") {
        on_end(data, out);
    }
    return out;
}

effect presenter::note(std::string_view text) {
    bool const one_screen = options_.out_terminal && options_.err_terminal;
    bool const own_line = err_open_ || (out_open_ && one_screen);
    err_open_ = false;
    out_open_ = out_open_ && !one_screen;
    return {
        effect::kind::err, fmt::format("{}kernel-broker: {}\n", own_line ? "\n" : "", text), {}};
}

void presenter::on_text(std::string text, bool err, std::vector<effect>& out) {
    if (text.empty()) {
        return;
    }
    clear_now(out);
    (err ? err_open_ : out_open_) = text.back() != '\n';
    out.push_back({err ? effect::kind::err : effect::kind::out, std::move(text), {}});
}

void presenter::on_line(std::string text, std::vector<effect>& out) {
    if (out_open_) {
        text.insert(0, 1, '\n');
    }
    if (text.empty() || text.back() != '\n') {
        text += '\n';
    }
    on_text(std::move(text), false, out);
}

void presenter::on_display(json const& event, bool is_result, std::vector<effect>& out) {
    auto const* data = member(event, "data");
    if (data == nullptr) {
        return;
    }
    clear_now(out);
    bool const saved = on_images(*data, text_of(event, "display_id"), out);
    if (saved && !is_result) {
        return;  // its text only names the object: <Figure size 640x480 with 1 Axes>
    }
    auto text = is_result ? std::nullopt : bundle_text(*data, "text/markdown");
    if (!text) {
        text = bundle_text(*data, "text/plain");
    }
    if (text) {
        on_line(*std::move(text), out);
    }
}

bool presenter::on_images(json const& data, std::string const& display_id,
                          std::vector<effect>& out) {
    int number = 0;
    for (auto const& kind : image_kinds) {
        auto const text = bundle_text(data, kind.mime);
        if (!text) {
            continue;
        }
        auto bytes = kind.text ? text : base64_bytes(*text);
        if (!bytes) {
            out.push_back(note(fmt::format("an {} that is not base64 was left out", kind.mime)));
            continue;
        }
        if (number == 0) {
            // What is shown again under one display id replaces the file it was saved as.
            auto const known = image_numbers_.find(display_id);
            number = known != image_numbers_.end() ? known->second : ++images_;
            if (!display_id.empty()) {
                image_numbers_.insert_or_assign(display_id, number);
            }
        }
        out.push_back(
            {effect::kind::file, *std::move(bytes), fmt::format("{}.{}", number, kind.extension)});
    }
    return number != 0;
}

void presenter::on_clear(bool wait, std::vector<effect>& out) {
    clear_pending_ = options_.out_terminal;
    if (!wait) {
        clear_now(out);
    }
}

/// A terminal has scrolled what was before the line away: only that line can be cleared.
void presenter::clear_now(std::vector<effect>& out) {
    if (std::exchange(clear_pending_, false) && std::exchange(out_open_, false)) {
        out.push_back({effect::kind::out, "\r\x1b[2K", {}});
    }
}

void presenter::on_error(json const& event, std::vector<effect>& out) {
    if (text_of(event, "ename") == "SystemExit") {
        exit_text_ = text_of(event, "evalue");
        return;  // a program that ends itself: nothing of Python's is to be seen
    }
    bool const one_screen = options_.out_terminal && options_.err_terminal;
    auto text = traceback_text(event);
    if (!options_.err_terminal) {
        text = plain_text(text);
    }
    if (err_open_ || (out_open_ && one_screen)) {
        text.insert(0, 1, '\n');
        out_open_ = false;
    }
    on_text(std::move(text), true, out);
}

void presenter::on_end(json const& event, std::vector<effect>& out) {
    if (auto const* error = member(event, "error");
        error != nullptr && text_of(*error, "ename") == "SystemExit") {
        exit_text_ = text_of(*error, "evalue");
    }
    if (exit_text_ && is_exit_message(*exit_text_)) {
        on_text((err_open_ ? "\n" : "") + *exit_text_ + "\n", true, out);
    }
    for (auto const& line : {state_text(event), verdict_text(event)}) {
        if (!line.empty()) {
            out.push_back(note(line));
        }
    }
    // The shell's next prompt belongs on a line of its own.
    if (out_open_ && options_.out_terminal) {
        on_text("\n", false, out);
    }
    out.push_back({effect::kind::end, {}, {}, false, exit_status_of(event)});
}

std::string plain_text(std::string_view text) {
    std::string out;
    for (std::size_t at = 0; at < text.size(); ++at) {
        if (text[at] != '\x1b') {
            out += text[at];
            continue;
        }
        ++at;
        if (at >= text.size() || text[at] != '[') {
            continue;  // a sequence of two bytes
        }
        do {
            ++at;
        } while (at < text.size() && (text[at] < '@' || text[at] > '~'));
    }
    return out;
}

}  // namespace broker::client
