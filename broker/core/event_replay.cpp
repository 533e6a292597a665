// SPDX-License-Identifier: Apache-2.0
// One case per type of event. Never an event that fails the others. Pure.
#include "broker/core/event_replay.hpp"

#include "broker/core/event_record.hpp"
#include "broker/core/json_slice.hpp"

#include <charconv>
#include <utility>

namespace broker {
namespace {

std::optional<std::int64_t> integer_member(std::string_view object, std::string_view name) {
    auto const raw = json_raw_member(object, name);
    std::int64_t value = 0;
    if (!raw) {
        return std::nullopt;
    }
    auto const* const end = raw->data() + raw->size();
    auto const read = std::from_chars(raw->data(), end, value);
    return read.ec == std::errc{} && read.ptr == end ? std::optional(value) : std::nullopt;
}

rich_data rich_of(rich_data::kind what, std::string_view data) {
    rich_data rich;
    rich.what = what;
    rich.data = json_raw_member(data, "data").value_or("{}");
    rich.metadata = json_raw_member(data, "metadata").value_or("{}");
    rich.display_id = json_string_member(data, "display_id");
    rich.execution_count = integer_member(data, "execution_count");
    return rich;
}

raised_error error_of(std::string_view data) {
    return {json_string_member(data, "ename").value_or(""),
            json_string_member(data, "evalue").value_or(""),
            json_strings(json_raw_member(data, "traceback").value_or(""))};
}

void replay_text(stream_name stream, std::string_view data, outputs& into, replayed& told) {
    auto const text = json_string_member(data, "text").value_or("");
    told.bytes += text.size();
    into.append_stream(stream, text);
}

void replay_rich(rich_data::kind what, std::string_view data, outputs& into, replayed& told) {
    auto rich = rich_of(what, data);
    told.bytes += rich.data.size() + rich.metadata.size();
    into.append_rich(std::move(rich));
}

}  // namespace

void replay(event_draft const& one, outputs& into, replayed& told) {
    switch (one.type) {
        case event_type::started:
            told.started = true;
            told.execution_count = integer_member(one.data, "execution_count");
            return;
        case event_type::stdout_text:
            replay_text(stream_name::stdout_stream, one.data, into, told);
            break;
        case event_type::stderr_text:
            replay_text(stream_name::stderr_stream, one.data, into, told);
            break;
        case event_type::display_data:
            replay_rich(rich_data::kind::display_data, one.data, into, told);
            break;
        case event_type::update_display_data:
            replay_rich(rich_data::kind::update_display_data, one.data, into, told);
            break;
        case event_type::execute_result:
            replay_rich(rich_data::kind::execute_result, one.data, into, told);
            break;
        case event_type::clear_output:
            into.clear(json_raw_member(one.data, "wait") == "true");
            break;
        case event_type::error:
            told.bytes += one.data.size();
            into.append_error(error_of(one.data));
            break;
        case event_type::truncated:
            into.count_missing(
                static_cast<std::uint64_t>(integer_member(one.data, "dropped_bytes").value_or(0)));
            into.close_head();
            return;
        case event_type::queued:
        case event_type::input_request:
        case event_type::files:
        case event_type::end:
            return;
    }
    ++told.events;
}

void replay(std::string_view records, outputs& into, replayed& told) {
    while (auto const one = take_record(records)) {
        replay(*one, into, told);
    }
}

}  // namespace broker
