// SPDX-License-Identifier: Apache-2.0
// Contents read by the slicer. Never copies more than the fields that are asked for, and the
// number of lines and elements kept is bounded here. Pure; any thread.
#include "kernelproto/wire/content.hpp"

#include "kernelproto/wire/errc.hpp"
#include "kernelproto/wire/excerpt.hpp"
#include "kernelproto/wire/json_text.hpp"

#include <algorithm>
#include <array>
#include <utility>

namespace kernelproto {
namespace {

result<json_object> parse_object(frame const& content) {
    auto object = json_object::parse(content);
    if (!object) {
        return wire_errc::bad_content;
    }
    return object;
}

result<json_object> parse_content(frame const& content) {
    return content.size() > max_content_bytes ? wire_errc::bad_content : parse_object(content);
}

std::string text_or_empty(std::string_view raw) {
    return json_value{raw}.string().value_or(std::string{});
}

std::string object_or_empty(std::string_view raw) {
    return json_value{raw}.is_object() ? std::string{raw} : std::string{"{}"};
}

std::vector<std::string> read_lines(json_value array) {
    std::vector<std::string> lines;
    std::size_t more = 0;
    json_elements elements{array};
    for (json_value element; elements.next(element);) {
        if (lines.size() == max_traceback_lines) {
            ++more;
        } else if (auto line = element.string()) {
            lines.push_back(std::move(*line));
        }
    }
    if (more > 0) {
        lines.push_back("(" + std::to_string(more) + " more lines)");
    }
    return lines;
}

raised read_raised(json_value object) {
    std::array<json_value::wanted, 3> fields{{{"ename"}, {"evalue"}, {"traceback"}}};
    object.members(fields);
    return {text_or_empty(fields[0].raw), text_or_empty(fields[1].raw),
            read_lines(json_value{fields[2].raw})};
}

/// exit(keep_kernel) as Python takes it: what is false ends the process; True keeps it and says no
/// more; anything else, as in exit(1), keeps it too, and was meant for a status.
void read_exit(json_value keep, execute_reply& reply) {
    constexpr std::array<std::string_view, 8> falsy{"",    "null", "false", "0",
                                                    "0.0", "-0.0", "[]",    "{}"};
    auto text = keep.string();
    bool const ends =
        text ? text->empty() : std::find(falsy.begin(), falsy.end(), keep.raw()) != falsy.end();
    if (ends) {
        reply.ask_exit = true;
    } else if (keep.boolean() != true) {
        reply.exit_with = text ? std::move(*text) : std::string{keep.raw()};
    }
}

void read_payload(json_value payload, execute_reply& reply) {
    json_elements items{payload};
    for (json_value item; items.next(item);) {
        auto const source = item.member("source").string();
        if (source == "ask_exit") {
            read_exit(item.member("keepkernel"), reply);
            return;
        }
        if (source == "shell_lost") {
            reply.shell_lost = true;
            return;
        }
    }
}

}  // namespace

result<execution_state> read_status(frame const& content) {
    auto const object = parse_content(content);
    if (!object) {
        return object.error();
    }
    auto const state = object->value().member("execution_state").string();
    if (!state) {
        return wire_errc::bad_content;
    }
    return *state == "busy"       ? execution_state::busy
           : *state == "idle"     ? execution_state::idle
           : *state == "starting" ? execution_state::starting
                                  : execution_state::other;
}

result<started> read_execute_input(frame const& content) {
    auto const object = parse_content(content);
    if (!object) {
        return object.error();
    }
    return started{object->value().member("execution_count").integer().value_or(0)};
}

result<stream_text> read_stream(frame const& content) {
    if (content.bytes().size() > max_content_bytes) {
        return read_stream(excerpt_of(content, {}));
    }
    auto const object = parse_object(content);
    if (!object) {
        return object.error();
    }
    std::array<json_value::wanted, 2> fields{{{"name"}, {"text"}}};
    object->value().members(fields);
    auto const name = json_value{fields[0].raw}.string();
    auto text = json_value{fields[1].raw}.string();
    if (!text || (name != "stdout" && name != "stderr")) {
        return wire_errc::bad_content;
    }
    return stream_text{
        name == "stdout" ? stream_text::stream::stdout_stream : stream_text::stream::stderr_stream,
        std::move(*text), content.cut() ? content.cut()->left_out : 0, 0};
}

result<output_cleared> read_clear_output(frame const& content) {
    auto const object = parse_content(content);
    if (!object) {
        return object.error();
    }
    return output_cleared{object->value().member("wait").boolean().value_or(false)};
}

result<raised> read_error(frame const& content) {
    auto const object = parse_content(content);
    if (!object) {
        return object.error();
    }
    return read_raised(object->value());
}

result<input_wanted> read_input_request(frame const& content) {
    auto const object = parse_content(content);
    if (!object) {
        return object.error();
    }
    auto const value = object->value();
    return input_wanted{text_or_empty(value.member("prompt").raw()),
                        value.member("password").boolean().value_or(false)};
}

result<execute_reply> read_execute_reply(frame const& content) {
    auto const object = parse_content(content);
    if (!object) {
        return object.error();
    }
    std::array<json_value::wanted, 3> fields{{{"status"}, {"execution_count"}, {"payload"}}};
    object->value().members(fields);
    auto const status = json_value{fields[0].raw}.string();
    execute_reply reply;
    reply.execution_count = json_value{fields[1].raw}.integer();
    read_payload(json_value{fields[2].raw}, reply);
    if (status == "error") {
        reply.what = execute_reply::status::error;
        reply.error = read_raised(object->value());
    } else if (status == "aborted" || status == "abort") {
        reply.what = execute_reply::status::aborted;
    } else if (status != "ok") {
        return wire_errc::bad_content;
    }
    return reply;
}

result<kernel_info> read_kernel_info_reply(frame const& content) {
    auto const object = parse_content(content);
    if (!object) {
        return object.error();
    }
    std::array<json_value::wanted, 4> fields{
        {{"implementation"}, {"implementation_version"}, {"protocol_version"}, {"language_info"}}};
    object->value().members(fields);
    json_value const language{fields[3].raw};
    return kernel_info{text_or_empty(fields[0].raw), text_or_empty(fields[1].raw),
                       text_or_empty(fields[2].raw), text_or_empty(language.member("name").raw()),
                       text_or_empty(language.member("version").raw())};
}

result<rich_output> read_rich_output(rich_output::kind what, frame const& content) {
    auto const object = parse_content(content);
    if (!object) {
        return object.error();
    }
    std::array<json_value::wanted, 4> fields{
        {{"data"}, {"metadata"}, {"transient"}, {"execution_count"}}};
    object->value().members(fields);
    if (!json_value{fields[0].raw}.is_object()) {
        return wire_errc::bad_content;
    }
    rich_output output;
    output.what = what;
    output.data = fields[0].raw;
    output.metadata = object_or_empty(fields[1].raw);
    output.display_id = json_value{fields[2].raw}.member("display_id").string();
    if (what == rich_output::kind::execute_result) {
        output.execution_count = json_value{fields[3].raw}.integer();
    }
    if (what == rich_output::kind::update_display_data && !output.display_id) {
        return wire_errc::bad_content;
    }
    return output;
}

bool is_output(std::string_view msg_type) noexcept {
    return msg_type == "stream" || msg_type == "display_data" || msg_type == "execute_result" ||
           msg_type == "update_display_data" || msg_type == "error" || msg_type == "clear_output";
}

result<output_content> read_output(std::string_view msg_type, frame const& content) {
    using kind = rich_output::kind;
    auto const any = [](auto read) {
        return read ? result<output_content>{std::move(*read)} : read.error();
    };
    if (msg_type == "stream") {
        return any(read_stream(content));
    }
    if (msg_type == "display_data") {
        return any(read_rich_output(kind::display_data, content));
    }
    if (msg_type == "execute_result") {
        return any(read_rich_output(kind::execute_result, content));
    }
    if (msg_type == "update_display_data") {
        return any(read_rich_output(kind::update_display_data, content));
    }
    if (msg_type == "clear_output") {
        return any(read_clear_output(content));
    }
    if (msg_type == "error") {
        return any(read_error(content));
    }
    return wire_errc::bad_content;
}

}  // namespace kernelproto
