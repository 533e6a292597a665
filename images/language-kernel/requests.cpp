// SPDX-License-Identifier: Apache-2.0
// Requests read. Fields that only adorn fall back to their defaults. Pure; any thread.
#include "images/language-kernel/requests.hpp"

#include "kernelproto/wire/json_text.hpp"

#include <array>
#include <utility>

namespace language_kernel {
namespace {

using kernelproto::json_object;
using kernelproto::json_value;

/// False when there are too many or too long ones, or a zero byte, which no argument can hold.
bool read_arguments(json_value list, std::vector<std::string>& argv) {
    std::size_t bytes = 0;
    kernelproto::json_elements elements{list};
    for (json_value element; elements.next(element);) {
        auto word = element.string();
        if (!word || word->find('\0') != std::string::npos) {
            return false;
        }
        bytes += word->size();
        argv.push_back(std::move(*word));
        if (argv.size() > max_arguments || bytes > max_argument_bytes) {
            return false;
        }
    }
    return true;
}

template <class Read>
auto read_member(kernelproto::frame const& content, Read read) {
    auto const object = json_object::parse(content);
    return read(object ? object->value() : json_value{});
}

}  // namespace

execute_request read_execute_request(kernelproto::message const& from) {
    execute_request out;
    auto const object = json_object::parse(from.content);
    if (!object) {
        out.refused = "the request is not a JSON object";
        return out;
    }
    std::array<json_value::wanted, 6> fields{
        {{"code"}, {"silent"}, {"store_history"}, {"allow_stdin"}, {"stop_on_error"}, {"argv"}}};
    object->value().members(fields);
    auto const flag = [&](std::size_t at, bool otherwise) {
        return json_value{fields[at].raw}.boolean().value_or(otherwise);
    };
    out.silent = flag(1, false);
    out.store_history = flag(2, true) && !out.silent;
    out.allow_stdin = flag(3, false);
    out.stop_on_error = flag(4, true);

    if (auto code = json_value{fields[0].raw}.string(); !code) {
        out.refused = "the request has no code";
    } else if (code->size() > max_code_bytes) {
        out.refused = "the code is longer than " + std::to_string(max_code_bytes) + " bytes";
    } else {
        out.code = std::move(*code);
    }
    auto const metadata = json_object::parse(from.metadata);
    json_value const own{fields[5].raw};
    auto const list = own.present() || !metadata ? own : metadata->value().member("argv");
    if (!read_arguments(list, out.argv)) {
        out.argv.clear();
        out.refused = "argv is not a list of strings, or is too long";
    }
    return out;
}

std::int64_t read_cursor_pos(kernelproto::frame const& content) {
    return read_member(content, [](json_value object) {
        return object.member("cursor_pos").integer().value_or(0);
    });
}

bool read_restart(kernelproto::frame const& content) {
    return read_member(content, [](json_value object) {
        return object.member("restart").boolean().value_or(false);
    });
}

std::string read_input_value(kernelproto::frame const& content) {
    return read_member(content, [](json_value object) {
        return object.member("value").string().value_or(std::string{});
    });
}

}  // namespace language_kernel
