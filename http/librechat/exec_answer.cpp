// SPDX-License-Identifier: Apache-2.0
// Files first, since what of them is not in the answer is told in `stderr`. Pure.
#include "http/librechat/exec_answer.hpp"

#include "broker/base/json_text.hpp"
#include "http/librechat/missing_library.hpp"
#include "http/librechat/object_text.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

namespace http::librechat {
namespace {

using broker::file_change;
using broker::json_object;

/// Names that are told one by one; of more, how many.
constexpr std::size_t named_files = 20;

/// What becomes of the files of a run in its answer.
struct sorted_files {
    std::vector<file_change const*> told;
    std::vector<placed_input const*> modified_from;  // of each of `told`, or null
    std::vector<placed_input const*> inherited;
    std::vector<std::string> deleted;
    std::vector<std::pair<std::string, std::vector<std::string>>> not_kept;  // by reason
    std::vector<std::string> too_many;
};

file_change const* change_of(exec_result const& of, std::string const& path) {
    auto const& all = of.ended.files;
    auto const at =
        std::find_if(all.begin(), all.end(), [&path](auto const& one) { return one.path == path; });
    return at == all.end() ? nullptr : &*at;
}

void sort_inputs(exec_result const& of, sorted_files& out) {
    for (auto const& input : of.inputs) {
        auto const* const change = change_of(of, input.path);
        if (change == nullptr || input.version.read_only) {
            out.inherited.push_back(&input);
        } else if (change->what == file_change::kind::deleted) {
            out.deleted.push_back(input.path);
        }
    }
}

placed_input const* input_at(exec_result const& of, std::string const& path) {
    auto const at = std::find_if(of.inputs.begin(), of.inputs.end(),
                                 [&path](auto const& one) { return one.path == path; });
    return at == of.inputs.end() ? nullptr : &*at;
}

void add_not_kept(sorted_files& out, file_change const& change) {
    auto const why = change.not_kept.empty() ? "it could not be stored" : change.not_kept;
    auto const at = std::find_if(out.not_kept.begin(), out.not_kept.end(),
                                 [&why](auto const& one) { return one.first == why; });
    if (at == out.not_kept.end()) {
        out.not_kept.push_back({why, {change.path}});
    } else {
        at->second.push_back(change.path);
    }
}

sorted_files sort(exec_result const& of) {
    sorted_files out;
    sort_inputs(of, out);
    for (auto const& change : of.ended.files) {
        auto const* const from = input_at(of, change.path);
        bool const kept_out = (from != nullptr && from->version.read_only) ||
                              (from == nullptr && is_by_the_way(change.path));
        if (change.what == file_change::kind::deleted || kept_out) {
            continue;
        }
        if (!change.version) {
            add_not_kept(out, change);
        } else if (out.told.size() == of.max_files) {
            out.too_many.push_back(change.path);
        } else {
            out.told.push_back(&change);
            out.modified_from.push_back(from);
        }
    }
    return out;
}

void add_place(json_object& out, broker::file_version_id const& id, std::string const& name,
               broker::session_id const& session) {
    out.string("id", id.str()).string("name", name);
    out.string("storage_session_id", session.str()).string("session_id", session.str());
}

std::string files_json(exec_result const& of, sorted_files const& files) {
    std::string text = "[";
    for (std::size_t i = 0; i < files.told.size(); ++i) {
        text += text.size() > 1 ? "," : "";
        json_object one(text);
        add_place(one, *files.told[i]->version, files.told[i]->path, of.session);
        if (auto const* const from = files.modified_from[i];
            from != nullptr && of.knows_inherited) {
            json_object before(one.member("modified_from"));
            before.string("id", from->version.id.str());
            before.string("storage_session_id", from->version.session.str());
            before.close();
        }
        one.close();
    }
    for (auto const* const input : files.inherited) {
        if (!of.knows_inherited) {
            break;
        }
        text += text.size() > 1 ? "," : "";
        json_object one(text);
        add_place(one, input->version.id, input->path, input->version.session);
        one.boolean("inherited", true).close();
    }
    return text + ']';
}

std::string deleted_json(sorted_files const& files) {
    std::string text = "[";
    for (auto const& path : files.deleted) {
        text += text.size() > 1 ? "," : "";
        broker::append_json_string(text, path);
    }
    return text + ']';
}

void add_line(std::string& text, std::string const& line) {
    if (!text.empty() && !text.ends_with('\n')) {
        text += '\n';
    }
    text += line + '\n';
}

std::string listed(std::vector<std::string> const& paths) {
    auto const shown = std::min(paths.size(), named_files);
    auto text = fmt::format(
        "{}", fmt::join(paths.begin(), paths.begin() + static_cast<std::ptrdiff_t>(shown), ", "));
    return shown == paths.size() ? text : fmt::format("{} and {} more", text, paths.size() - shown);
}

std::string stderr_of(exec_result const& of, sorted_files const& files) {
    auto text = head_and_tail(said_at_end(of), of.max_text_bytes);
    if (auto const wanted = of.ended.exit_code == 0 ? std::nullopt : missing_library(text)) {
        add_line(text, fmt::format("{} is neither a library of this image nor a file here. Nothing "
                                   "can be installed, as there is no network: do without it.",
                                   *wanted));
    }
    for (auto const& note : of.notes) {
        add_line(text, note);
    }
    if (of.runtime_session_id && of.ended.started_on != broker::session_state::kept &&
        of.ended.reason) {
        bool const files_too = of.ended.started_on != broker::session_state::restarted;
        add_line(text, fmt::format("What earlier calls in {} had in memory is gone ({}); {}.",
                                   of.language, to_string(*of.ended.reason),
                                   files_too ? "files that they left there are gone, too"
                                             : "files are kept"));
    }
    if (of.ended.output.truncated) {
        add_line(text, fmt::format("The output was cut: {} bytes of it are missing. Print less, or "
                                   "write to a file.",
                                   of.ended.output.dropped_bytes));
    } else if (of.ended.output.stdout_text.size() > of.max_text_bytes) {
        add_line(text, "stdout was cut. Print less, or write to a file.");
    }
    if (!of.figures_lost.empty()) {
        add_line(text, of.figures_lost);
    }
    if (!files.too_many.empty()) {
        add_line(text, fmt::format("At most {} files are returned by one run; not returned: {}. "
                                   "Put them into one archive.",
                                   of.max_files, listed(files.too_many)));
    }
    for (auto const& [why, paths] : files.not_kept) {
        add_line(text, fmt::format("Not kept: {}; {}.", listed(paths), why));
    }
    return text;
}

/// The word that the official server has for it, if any.
std::optional<std::string> status_of(exec_result const& of) {
    if (of.ended.what == broker::outcome::timeout) {
        return "TO";
    }
    if (of.ended.died_of || of.ended.killed_for_memory) {
        return "SG";
    }
    bool const cut =
        of.ended.output.truncated || of.ended.output.stdout_text.size() > of.max_text_bytes;
    return cut ? std::optional<std::string>("OL") : std::nullopt;
}

/// The language kernel's words for a shell that `exit` or `set -e` has ended.
void remove_shell_note(std::string& text) {
    auto const at = text.rfind("[the shell has ended; the next cell begins in a new one: ");
    auto const end = at == std::string::npos ? at : text.find("]\n", at);
    if (end != std::string::npos) {
        text.erase(at, end + 2 - at);
    }
}

/// The last part of the broker's own line, which is the last one.
void remove_words_of_variables(std::string& text) {
    auto const before = text.size() > 1 ? text.rfind('\n', text.size() - 2) : std::string::npos;
    auto const line = before == std::string::npos ? 0 : before + 1;
    auto const part = text.rfind("; ");
    if (text.compare(line, 15, "kernel-broker: ") == 0 && part != std::string::npos &&
        part > line && text.find("the variables ", part) != std::string::npos) {
        text.erase(part, text.size() - part - (text.back() == '\n' ? 1 : 0));
    }
}

bool continues_character(char c) { return (static_cast<unsigned char>(c) & 0xC0U) == 0x80; }

}  // namespace

std::string said_at_end(exec_result const& of) {
    auto text = of.ended.plain_stderr;
    if (!of.runtime_session_id) {
        remove_shell_note(text);
        remove_words_of_variables(text);
    }
    return text;
}

std::string head_and_tail(std::string const& text, std::size_t most) {
    if (text.size() <= most) {
        return text;
    }
    auto head = most / 2;
    auto tail = text.size() - (most - head);
    while (head > 0 && continues_character(text[head])) {
        --head;
    }
    while (tail < text.size() && continues_character(text[tail])) {
        ++tail;
    }
    return fmt::format("{}\n[... {} bytes left out ...]\n{}", text.substr(0, head), tail - head,
                       text.substr(tail));
}

std::string render_exec(exec_result const& of, std::optional<std::string> status) {
    auto const files = sort(of);
    std::string text;
    json_object out(text);
    out.string("session_id", of.session.str());
    out.string("stdout", head_and_tail(of.ended.output.stdout_text, of.max_text_bytes));
    out.string("stderr", stderr_of(of, files));
    out.raw("files", files_json(of, files)).raw("deleted_files", deleted_json(files));
    out.integer_or_null("code", of.ended.exit_code).null("signal").null("message");
    out.string_or_null("status", status ? status : status_of(of));
    out.integer("wall_time", of.ended.duration_ms).string("language", of.language);
    if (of.runtime_session_id) {
        bool const reused = of.ended.started_on == broker::session_state::kept;
        out.string("runtime_session_id", *of.runtime_session_id)
            .string("runtime_status", reused ? "reused" : "new");
    }
    out.close();
    return text;
}

}  // namespace http::librechat
