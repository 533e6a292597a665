// SPDX-License-Identifier: Apache-2.0
// The head and the tail of a log. Never a piece of text so long that a reader has to wait for it.
// One owner.
#include "broker/core/event_recorder.hpp"

#include "broker/base/json_text.hpp"
#include "broker/base/utf8.hpp"
#include "broker/core/error_text.hpp"

#include <algorithm>
#include <utility>

namespace broker {
namespace {

constexpr std::size_t max_held = 4096;
constexpr std::size_t piece_bytes = std::size_t{128} << 10;

event_type type_of(stream_name stream) {
    return stream == stream_name::stdout_stream ? event_type::stdout_text : event_type::stderr_text;
}

event_type type_of(rich_data::kind what) {
    switch (what) {
        case rich_data::kind::display_data:
            return event_type::display_data;
        case rich_data::kind::execute_result:
            return event_type::execute_result;
        case rich_data::kind::update_display_data:
            break;
    }
    return event_type::update_display_data;
}

bool is_text(event_type type) {
    return type == event_type::stdout_text || type == event_type::stderr_text;
}

std::string text_data(std::string_view text) {
    std::string out;
    out.reserve(text.size() + text.size() / 16 + 16);
    json_object object(out);
    object.string("text", text);
    object.close();
    return out;
}

std::string rich_event_data(rich_data const& rich) {
    constexpr std::size_t besides = 4096;
    std::string out;
    out.reserve(rich.metadata.size() + rich.data.size() + besides);
    json_object object(out);
    if (rich.what == rich_data::kind::execute_result) {
        if (rich.execution_count) {
            object.integer("execution_count", *rich.execution_count);
        } else {
            object.null("execution_count");
        }
    }
    if (rich.display_id && rich.display_id->size() <= max_display_id_bytes) {
        object.string("display_id", *rich.display_id);
    }
    object.raw("metadata", rich.metadata).raw("data", rich.data);
    object.close();
    return out;
}

}  // namespace

std::string queued_data(std::size_t position) {
    std::string out;
    json_object object(out);
    object.integer("position", static_cast<std::int64_t>(position));
    object.close();
    return out;
}

void event_recorder::started(std::optional<std::int64_t> execution_count, drafts& out) {
    if (std::exchange(started_, true)) {
        return;
    }
    event_draft one{event_type::started, {}};
    json_object object(one.data);
    if (execution_count) {
        object.integer("execution_count", *execution_count);
    } else {
        object.null("execution_count");
    }
    object.close();
    out.push_back(std::move(one));
}

void event_recorder::text(stream_name stream, std::string_view text, drafts& out) {
    started(std::nullopt, out);
    auto const type = type_of(stream);
    while (!text.empty() && !full_) {
        auto const room = events_ < limits_.max_outputs
                              ? std::min<std::uint64_t>(limits_.max_bytes - bytes_, piece_bytes)
                              : 0;
        auto const piece = utf8_prefix(text, room);
        if (piece.empty()) {
            full_ = true;
            break;
        }
        add({type, text_data(piece)}, piece.size(), out);
        text.remove_prefix(piece.size());
    }
    if (!text.empty()) {
        text_to_tail(type, text);
    }
}

void event_recorder::text_to_tail(event_type type, std::string_view text) {
    auto const kept = utf8_suffix(text, limits_.tail_bytes);
    if (kept.size() < text.size()) {
        dropped_bytes_ += text.size() - kept.size();
        trim(0);  // what came before lies before the gap
    }
    if (!tail_.empty() && tail_.back().type == type) {
        tail_.back().body += kept;
        tail_bytes_ += kept.size();
        if (tail_bytes_ > 2 * limits_.tail_bytes) {
            trim(limits_.tail_bytes);
        }
    } else if (!kept.empty()) {
        hold({type, std::string(kept)});
    }
}

void event_recorder::rich(rich_data const& rich, drafts& out) {
    started(std::nullopt, out);
    auto const bytes = rich.data.size() + rich.metadata.size();
    full_ = full_ || !fits(bytes);
    if (full_ && bytes > limits_.tail_bytes) {
        dropped_bytes_ += bytes;
        return;
    }
    event_draft one{type_of(rich.what), rich_event_data(rich)};
    if (full_) {
        hold({one.type, std::move(one.data)});
    } else {
        add(std::move(one), bytes, out);
    }
}

void event_recorder::clear(bool wait, drafts& out) {
    started(std::nullopt, out);
    event_draft one{event_type::clear_output, {}};
    json_object object(one.data);
    object.boolean("wait", wait);
    object.close();
    full_ = full_ || !fits(0);
    if (full_) {
        hold({one.type, std::move(one.data)});
    } else {
        add(std::move(one), 0, out);
    }
}

void event_recorder::error(raised_error const& error, drafts& out) {
    started(std::nullopt, out);
    auto data = error_json(error, false);
    full_ = full_ || !fits(data.size());
    if (!full_) {
        auto const bytes = data.size();
        add({event_type::error, std::move(data)}, bytes, out);
        return;
    }
    auto shorter = error_json(shortened(error, limits_.tail_bytes), false);
    dropped_bytes_ += data.size() - std::min(data.size(), shorter.size());
    hold({event_type::error, std::move(shorter)});
}

/// Always told: somebody has to answer it, and there is one at a time.
void event_recorder::input_request(std::string_view prompt, bool password, drafts& out) {
    started(std::nullopt, out);
    event_draft one{event_type::input_request, {}};
    json_object object(one.data);
    object.string("prompt", utf8_prefix(prompt, limits_.tail_bytes)).boolean("password", password);
    object.close();
    out.push_back(std::move(one));
}

void event_recorder::close(drafts& out) {
    trim(limits_.tail_bytes);
    if (dropped_bytes_ > 0) {
        event_draft one{event_type::truncated, {}};
        json_object object(one.data);
        object.integer("dropped_bytes", static_cast<std::int64_t>(dropped_bytes_));
        object.close();
        out.push_back(std::move(one));
    }
    for (auto& one : tail_) {
        out.push_back({one.type, is_text(one.type) ? text_data(one.body) : std::move(one.body)});
    }
    tail_.clear();
    tail_bytes_ = 0;
}

void event_recorder::resume(std::uint64_t events, std::uint64_t bytes, bool started) {
    events_ = events;
    bytes_ = std::min(bytes, limits_.max_bytes);
    started_ = started;
}

void event_recorder::add(event_draft draft, std::uint64_t cost, drafts& out) {
    ++events_;
    bytes_ += cost;
    out.push_back(std::move(draft));
}

bool event_recorder::fits(std::uint64_t bytes) const noexcept {
    return bytes <= limits_.max_output_bytes && bytes <= limits_.max_bytes - bytes_ &&
           events_ < limits_.max_outputs;
}

void event_recorder::hold(held one) {
    tail_bytes_ += one.body.size();
    tail_.push_back(std::move(one));
    if (tail_bytes_ > 2 * limits_.tail_bytes || tail_.size() > max_held) {
        trim(limits_.tail_bytes);
    }
}

void event_recorder::trim(std::uint64_t to) {
    while (!tail_.empty() && (tail_bytes_ > to || tail_.size() > max_held)) {
        auto& front = tail_.front();
        auto const bytes = front.body.size();
        auto const excess = tail_bytes_ > to ? tail_bytes_ - to : bytes;
        auto const kept = is_text(front.type) && excess < bytes
                              ? utf8_suffix(front.body, bytes - excess)
                              : std::string_view{};
        dropped_bytes_ += bytes - kept.size();
        tail_bytes_ -= bytes - kept.size();
        if (kept.empty()) {
            tail_.pop_front();
        } else {
            front.body = std::string(kept);
        }
    }
}

}  // namespace broker
