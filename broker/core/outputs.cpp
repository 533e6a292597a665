// SPDX-License-Identifier: Apache-2.0
// The head, the tail and the slots of the outputs of one execution. Never a cost that grows with
// what was put out before: a display of many copies is updated once. One owner.
#include "broker/core/outputs.hpp"

#include "broker/base/json_text.hpp"
#include "broker/base/utf8.hpp"
#include "broker/core/error_text.hpp"
#include "broker/core/json_slice.hpp"

#include <algorithm>
#include <utility>

namespace broker {
namespace {

constexpr std::size_t max_tail_entries = 4096;

std::string_view word(stream_name stream) {
    return stream == stream_name::stdout_stream ? "stdout" : "stderr";
}

std::string& text_of(rendered_outputs& out, stream_name stream) {
    return stream == stream_name::stdout_stream ? out.stdout_text : out.stderr_text;
}

}  // namespace

void outputs::append_stream(stream_name stream, std::string_view text, std::uint64_t following) {
    if (text.empty()) {
        return;
    }
    if (clear_pending_) {
        reset();
    }
    if (full_) {
        append_text_to_tail(stream, text);
    } else {
        append_text_to_head(stream, text, following);
    }
}

void outputs::append_text_to_head(stream_name stream, std::string_view text,
                                  std::uint64_t following) {
    bool const merge =
        !head_.empty() && head_.back().what == entry::kind::text && head_.back().stream == stream;
    std::uint64_t const used = merge ? head_.back().body.size() : 0;
    std::uint64_t room =
        std::min(limits_.max_bytes - head_bytes_,
                 limits_.max_output_bytes - std::min(used, limits_.max_output_bytes));
    if (!merge && head_.size() >= limits_.max_outputs) {
        room = 0;
    }
    auto const taken = utf8_prefix(text, room);
    if (!taken.empty()) {
        if (!merge) {
            head_.emplace_back().stream = stream;
        }
        auto& body = head_.back().body;
        if (following > 0) {
            // Growing step by step copies it over and over.
            body.reserve(body.size() + std::min(room, text.size() + following) +
                         2 * limits_.tail_bytes);
        }
        body += taken;
        head_bytes_ += taken.size();
    }
    if (taken.size() < text.size()) {
        full_ = true;
        append_text_to_tail(stream, text.substr(taken.size()));
    }
}

void outputs::append_text_to_tail(stream_name stream, std::string_view text) {
    auto const kept = utf8_suffix(text, limits_.tail_bytes);
    if (kept.size() < text.size()) {
        dropped_bytes_ += text.size() - kept.size();
        trim_tail(0);  // what came before lies before the gap
    }
    if (kept.empty()) {
        return;
    }
    bool const merge =
        !tail_.empty() && tail_.back().what == entry::kind::text && tail_.back().stream == stream;
    if (!merge) {
        entry e;
        e.stream = stream;
        e.in_tail = true;
        tail_.push_back(std::move(e));
    }
    tail_.back().body += kept;
    tail_bytes_ += kept.size();
    if (tail_bytes_ > 2 * limits_.tail_bytes || tail_.size() > max_tail_entries) {
        trim_tail(limits_.tail_bytes);
    }
}

void outputs::append_rich(rich_data rich) {
    bool const update = rich.what == rich_data::kind::update_display_data;
    if (rich.display_id && rich.display_id->size() > max_display_id_bytes) {
        rich.display_id.reset();
    }
    if (!update && clear_pending_) {
        reset();
    }
    entry e;
    e.what = rich.what == rich_data::kind::execute_result ? entry::kind::execute_result
                                                          : entry::kind::display_data;
    e.execution_count = rich.execution_count;
    auto const known = rich.display_id ? slots_.find(*rich.display_id) : slots_.end();
    if (known != slots_.end()) {
        std::uint64_t const bytes = rich.data.size() + rich.metadata.size();
        if (!update_slot(known->second, rich.data, rich.metadata)) {
            dropped_bytes_ += bytes;
            return;
        }
        e.shown = &known->second;
    }
    if (update) {
        return;
    }
    if (rich.display_id && e.shown == nullptr) {
        auto& made = slots_[*rich.display_id];
        made.id = std::move(*rich.display_id);
        made.data = std::move(rich.data);
        made.metadata = std::move(rich.metadata);
        e.shown = &made;
    } else if (e.shown == nullptr) {
        e.body = std::move(rich.data);
        e.metadata = std::move(rich.metadata);
    }
    append_entry(std::move(e));
}

void outputs::append_error(raised_error error) {
    if (clear_pending_) {
        reset();
    }
    entry e;
    e.what = entry::kind::error;
    e.body = error_json(error, true);
    if (full_ || !fits_head(e.body.size())) {
        error = shortened(std::move(error), limits_.tail_bytes);
        std::string shorter = error_json(error, true);
        dropped_bytes_ += e.body.size() - std::min(e.body.size(), shorter.size());
        e.body = std::move(shorter);
    }
    error_ = std::move(error);
    append_entry(std::move(e));
}

void outputs::clear(bool wait) {
    if (wait) {
        clear_pending_ = true;
    } else {
        reset();
    }
}

/// What was dropped before is no longer missing: a notebook would not hold it either.
void outputs::reset() {
    head_.clear();
    tail_.clear();
    slots_.clear();
    head_bytes_ = tail_bytes_ = dropped_bytes_ = 0;
    full_ = clear_pending_ = false;
}

bool outputs::fits_head(std::uint64_t bytes) const noexcept {
    return bytes <= limits_.max_output_bytes && bytes <= limits_.max_bytes - head_bytes_ &&
           head_.size() < limits_.max_outputs;
}

void outputs::append_entry(entry e) {
    std::uint64_t const bytes = size_of(e);
    full_ = full_ || !fits_head(bytes);
    if (!full_) {
        if (e.shown != nullptr) {
            ++e.shown->users_in_head;
        }
        head_bytes_ += bytes;
        head_.push_back(std::move(e));
        return;
    }
    e.in_tail = true;
    if (e.shown != nullptr) {
        ++e.shown->users_in_tail;
    }
    if (bytes > limits_.tail_bytes) {
        dropped_bytes_ += bytes;
        release(e);
        return;
    }
    tail_bytes_ += bytes;
    tail_.push_back(std::move(e));
    if (tail_bytes_ > 2 * limits_.tail_bytes || tail_.size() > max_tail_entries) {
        trim_tail(limits_.tail_bytes);
    }
}

/// All displays of the id at once, if the limits allow it for all of them.
bool outputs::update_slot(slot& shown, std::string& data, std::string& metadata) {
    std::uint64_t const before = shown.data.size() + shown.metadata.size();
    std::uint64_t const after = data.size() + metadata.size();
    // Each number of users is at most `max_outputs` and each size one message: no overflow.
    std::uint64_t const head = head_bytes_ - shown.users_in_head * before;
    std::uint64_t const tail = tail_bytes_ - shown.users_in_tail * before;
    if (after > limits_.max_output_bytes ||
        (shown.users_in_head > 0 && head + shown.users_in_head * after > limits_.max_bytes) ||
        (shown.users_in_tail > 0 && tail + shown.users_in_tail * after > 2 * limits_.tail_bytes)) {
        return false;
    }
    head_bytes_ = head + shown.users_in_head * after;
    tail_bytes_ = tail + shown.users_in_tail * after;
    shown.data = std::move(data);
    shown.metadata = std::move(metadata);
    return true;
}

std::uint64_t outputs::size_of(entry const& e) const {
    return e.shown != nullptr ? e.shown->data.size() + e.shown->metadata.size()
                              : e.body.size() + e.metadata.size();
}

void outputs::release(entry const& e) {
    if (e.shown == nullptr) {
        return;
    }
    --(e.in_tail ? e.shown->users_in_tail : e.shown->users_in_head);
    if (e.shown->users_in_head + e.shown->users_in_tail == 0) {
        slots_.erase(std::string(e.shown->id));
    }
}

void outputs::trim_tail(std::uint64_t to) {
    while (!tail_.empty() && (tail_bytes_ > to || tail_.size() > max_tail_entries)) {
        auto& front = tail_.front();
        std::uint64_t const bytes = size_of(front);
        std::uint64_t const excess = tail_bytes_ > to ? tail_bytes_ - to : bytes;
        auto const kept = front.what == entry::kind::text && excess < bytes
                              ? utf8_suffix(front.body, bytes - excess)
                              : std::string_view{};
        if (!kept.empty()) {
            dropped_bytes_ += bytes - kept.size();
            tail_bytes_ -= bytes - kept.size();
            front.body = std::string(kept);
            continue;
        }
        dropped_bytes_ += bytes;
        tail_bytes_ -= bytes;
        release(front);
        tail_.pop_front();
    }
}

std::string_view outputs::data_of(entry const& e) const {
    return e.shown != nullptr ? e.shown->data : e.body;
}

void outputs::render_entry(std::string& out, entry const& e) const {
    if (e.what == entry::kind::error) {
        out += e.body;
        return;
    }
    json_object object(out);
    if (e.what == entry::kind::text) {
        object.string("type", "stream").string("name", word(e.stream)).string("text", e.body);
    } else {
        bool const is_result = e.what == entry::kind::execute_result;
        object.string("type", is_result ? "execute_result" : "display_data");
        if (is_result && e.execution_count) {
            object.integer("execution_count", *e.execution_count);
        } else if (is_result) {
            object.null("execution_count");
        }
        object.raw("data", data_of(e))
            .raw("metadata", e.shown != nullptr ? e.shown->metadata : e.metadata);
    }
    object.close();
}

rendered_outputs outputs::render() {
    trim_tail(limits_.tail_bytes);
    rendered_outputs out;
    out.outputs_json = "[";
    for_each([&](entry const& e) {
        out.outputs_json += out.outputs_json.size() == 1 ? "" : ",";
        render_entry(out.outputs_json, e);
        if (e.what == entry::kind::text) {
            text_of(out, e.stream) += e.body;
        }
    });
    out.outputs_json += ']';
    render_displays(out);
    return out;
}

rendered_outputs outputs::take() {
    trim_tail(limits_.tail_bytes);
    rendered_outputs out;
    render_displays(out);
    for_each([&](entry& e) {
        if (e.what == entry::kind::text) {
            auto& text = text_of(out, e.stream);
            text = text.empty() ? std::move(e.body) : std::move(text) + e.body;
        }
    });
    reset();
    return out;
}

/// And all else that is no text.
void outputs::render_displays(rendered_outputs& out) {
    entry const* result = nullptr;
    out.displays_json = "[";
    for_each([&](entry const& e) {
        if (e.what == entry::kind::text || e.what == entry::kind::error) {
            return;
        }
        out.displays_json += out.displays_json.size() == 1 ? "" : ",";
        render_entry(out.displays_json, e);
        if (e.what == entry::kind::execute_result) {
            result = &e;
        }
    });
    out.displays_json += ']';
    if (result != nullptr) {
        out.result = json_string_member(data_of(*result), "text/plain");
    }
    out.dropped_bytes = dropped_bytes_;
    out.truncated = dropped_bytes_ > 0;
}

}  // namespace broker
