// SPDX-License-Identifier: Apache-2.0
// The order of columns, written once for each direction. Never a default for a word that is not
// known. One thread.
#include "broker/store/row_io.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <sstream>
#include <string>
#include <utility>

namespace broker {
namespace {

failure unreadable(std::string_view word) {
    return fail(errc::internal, fmt::format("the table holds an unknown word '{}'", word));
}

template <class Enum, std::size_t N>
std::optional<Enum> stage_from(std::string_view word, std::array<Enum, N> const& all) {
    for (Enum const value : all) {
        if (to_string(value) == word) {
            return value;
        }
    }
    return std::nullopt;
}

constexpr std::array sandbox_stages = {sandbox_stage::planned, sandbox_stage::created,
                                       sandbox_stage::started, sandbox_stage::ready,
                                       sandbox_stage::ending};
constexpr std::array execution_stages = {execution_stage::queued, execution_stage::sent,
                                         execution_stage::done};

/// The word of an enumeration, or nothing for NULL; false when it is unknown.
template <class Enum>
bool read_word(query& q, std::optional<Enum>& into, std::string& unknown) {
    auto const word = q.optional_text();
    into = word ? from_string<Enum>(*word) : std::nullopt;
    if (word && !into) {
        unknown = *word;
        return false;
    }
    return true;
}

template <class Enum>
void bind_word(query& q, std::optional<Enum> value) {
    if (value) {
        q.bind(to_string(*value));  // the words live as long as the program
    } else {
        q.bind_null();
    }
}

/// One `name=value` a line: names have no `=`, values no line breaks (see `check_labels`).
std::string labels_text(label_list const& labels) {
    std::string text;
    for (auto const& [name, value] : labels) {
        text += name + '=' + value + '\n';
    }
    return text;
}

label_list labels_from(std::string_view text) {
    label_list labels;
    while (!text.empty()) {
        auto const line = text.substr(0, text.find('\n'));
        auto const equals = line.find('=');
        if (equals != std::string_view::npos) {
            labels.emplace_back(line.substr(0, equals), line.substr(equals + 1));
        }
        text.remove_prefix(std::min(text.size(), line.size() + 1));
    }
    return labels;
}

/// One `language generation told_generation reason` a line, and ` lost` where its files are; no
/// reason is `-`.
std::string kernels_text(life_record const& life) {
    std::string text;
    for (auto const& [language, its] : life.kernels) {
        text +=
            fmt::format("{} {} {} {}{}\n", language, its.generation, its.told_generation,
                        its.pending ? to_string(*its.pending) : "-", its.files_lost ? " lost" : "");
    }
    return text;
}

/// False where it is not of that form.
bool read_kernels(std::string const& text, life_record& life) {
    std::istringstream lines(text);
    for (std::string line; std::getline(lines, line);) {
        std::istringstream words(line);
        std::string language;
        std::string why;
        std::string lost;
        kernel_record its;
        if (!(words >> language >> its.generation >> its.told_generation >> why)) {
            return false;
        }
        its.pending = from_string<state_reason>(why);
        words >> lost;
        its.files_lost = lost == "lost";
        if (its.pending.has_value() == (why == "-") || (!lost.empty() && !its.files_lost)) {
            return false;
        }
        life.kernels.insert_or_assign(std::move(language), its);
    }
    return true;
}

std::uint32_t count(query& q) { return static_cast<std::uint32_t>(q.integer()); }
std::uint64_t bytes(query& q) { return static_cast<std::uint64_t>(q.integer()); }

}  // namespace

std::int64_t number_of(close_kind why) noexcept { return static_cast<std::int64_t>(why); }

void bind_session(query& q, session_row const& row) {
    q.bind(row.key.tenant).bind(row.key.name).bind(row.language).bind(row.image_digest);
    q.bind(row.uid);
    q.bind(row.session_limits.memory_bytes).bind(row.session_limits.cpus);
    q.bind(row.session_limits.pids).bind(row.session_limits.disk_bytes);
    q.bind(row.session_limits.timeout_s).bind(row.idle_timeout_s);
    q.bind_copy(labels_text(row.labels));
    q.bind_copy(kernels_text(row.life));
    bind_word(q, row.life.pending);
    q.bind(row.life.files_lost).bind(row.created_at).bind(row.life.last_used_at);
    q.bind(row.has_files);
}

result<session_row> read_session(query& q) {
    session_row row;
    std::string unknown;
    row.id = session_id(q.text());
    auto const closing = q.integer();
    if (closing < 0 || closing > number_of(close_kind::finished)) {
        return unreadable(std::to_string(closing));
    }
    row.closing = static_cast<close_kind>(closing);
    row.key.tenant = q.text();
    row.key.name = q.text();
    row.language = q.text();
    row.image_digest = q.text();
    row.uid = count(q);
    row.session_limits.memory_bytes = bytes(q);
    row.session_limits.cpus = q.number();
    row.session_limits.pids = count(q);
    row.session_limits.disk_bytes = bytes(q);
    row.session_limits.timeout_s = q.number();
    row.idle_timeout_s = q.number();
    row.labels = labels_from(q.text());
    if (auto const kernels = std::string(q.text()); !read_kernels(kernels, row.life)) {
        return unreadable(kernels);
    }
    if (!read_word(q, row.life.pending, unknown)) {
        return unreadable(unknown);
    }
    row.life.files_lost = q.boolean();
    row.created_at = q.wall();
    row.life.last_used_at = q.wall();
    row.has_files = q.boolean();
    return row;
}

void bind_sandbox(query& q, sandbox_row const& row) {
    q.bind(row.id.str()).bind(row.session.str()).bind(row.language).bind(row.generation);
    q.bind(to_string(row.stage)).bind(row.hmac_key).bind(row.socket_prefix).bind(row.created_at);
}

result<sandbox_row> read_sandbox(query& q) {
    sandbox_row row;
    row.id = sandbox_id(q.text());
    row.session = session_id(q.text());
    row.language = q.text();
    row.generation = count(q);
    auto const word = q.text();
    auto const stage = stage_from(word, sandbox_stages);
    if (!stage) {
        return unreadable(word);
    }
    row.stage = *stage;
    row.hmac_key = q.text();
    row.socket_prefix = q.text();
    row.created_at = q.wall();
    return row;
}

void bind_execution(query& q, execution_row const& row) {
    q.bind(row.id.str()).bind(row.session.str()).bind(row.code_sha256).bind(row.language);
    q.bind(row.timeout_s).bind(row.silent).bind(row.store_history).bind(row.collect_files);
    q.bind(row.allow_stdin).bind(row.idempotency_key).bind(row.request_sha256);
    q.bind(row.queued_at);
    q.bind(to_string(row.stage)).bind(row.started_at).bind(row.ended_at);
    if (row.deadline) {
        q.bind(std::int64_t{row.deadline->time_since_epoch().count()});
    } else {
        q.bind_null();
    }
    q.bind(to_string(row.began.state));
    bind_word(q, row.began.reason);
    q.bind(row.began.generation);
    bind_word(q, row.what);
    q.bind(row.result_in_file).bind(static_cast<std::int64_t>(row.events_at));
    q.bind(row.file_bytes).bind(row.summary_json).bind(row.outputs_json).bind_bytes(row.events);
    if (row.code) {
        q.bind_bytes(*row.code);
    } else {
        q.bind_null();
    }
    std::string words;
    for (auto const& word : row.argv) {
        words.append(word).push_back('\0');
    }
    q.bind_bytes_copy(words);
}

result<execution_row> read_execution(query& q) {
    execution_row row;
    std::string unknown;
    row.id = execution_id(q.text());
    row.session = session_id(q.text());
    row.code_sha256 = q.text();
    row.language = q.text();
    row.timeout_s = q.number();
    row.silent = q.boolean();
    row.store_history = q.boolean();
    row.collect_files = q.boolean();
    row.allow_stdin = q.boolean();
    row.idempotency_key = q.optional_text();
    row.request_sha256 = q.text();
    row.queued_at = q.wall();
    auto const word = q.text();
    auto const stage = stage_from(word, execution_stages);
    if (!stage) {
        return unreadable(word);
    }
    row.stage = *stage;
    row.started_at = q.optional_wall();
    row.ended_at = q.optional_wall();
    if (auto const deadline = q.optional_integer()) {
        row.deadline = steady_time{steady_time::duration{*deadline}};
    }
    std::optional<session_state> state;
    if (!read_word(q, state, unknown) || !state || !read_word(q, row.began.reason, unknown)) {
        return unreadable(unknown);
    }
    row.began.state = *state;
    row.began.generation = count(q);
    if (!read_word(q, row.what, unknown)) {
        return unreadable(unknown);
    }
    row.result_in_file = q.boolean();
    auto const place = q.integer();
    if (place < 0 || place > static_cast<std::int64_t>(events_place::file)) {
        return unreadable(std::to_string(place));
    }
    row.events_at = static_cast<events_place>(place);
    row.file_bytes = bytes(q);
    row.summary_json = q.text();
    row.outputs_json = q.text();
    row.events = q.text();
    row.code = q.optional_text();
    auto const words = q.text();
    for (std::string_view rest = words; !rest.empty();) {
        auto const end = std::min(rest.find('\0'), rest.size());
        row.argv.emplace_back(rest.substr(0, end));
        rest.remove_prefix(std::min(end + 1, rest.size()));
    }
    return row;
}

void bind_key(query& q, key_row const& row) {
    q.bind(row.id).bind(row.name).bind(row.tenant).bind(row.sha256);
    q.bind(row.created_at).bind(row.revoked_at);
}

key_row read_key(query& q) {
    key_row row;
    row.id = q.text();
    row.name = q.text();
    row.tenant = q.text();
    row.sha256 = q.text();
    row.created_at = q.wall();
    row.revoked_at = q.optional_wall();
    return row;
}

}  // namespace broker
