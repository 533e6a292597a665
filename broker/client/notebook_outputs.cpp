// SPDX-License-Identifier: Apache-2.0
// Members are made anew, in the order nbformat writes them. Never a value of a type the schema does
// not have there. Pure; any thread.
#include "broker/client/notebook_outputs.hpp"

#include <string_view>
#include <utility>

namespace broker::client {
namespace {

/// Each line with its end, as nbformat writes long texts.
json lines_of(std::string_view text) {
    json out = json::array();
    while (!text.empty()) {
        auto const end = text.find('\n');
        auto const size = end == std::string_view::npos ? text.size() : end + 1;
        out.push_back(text.substr(0, size));
        text.remove_prefix(size);
    }
    return out;
}

/// The schema's pattern: ^application/(.*\+)?json$
bool holds_json(std::string_view mime) {
    constexpr std::string_view kind = "application/";
    if (!mime.starts_with(kind)) {
        return false;
    }
    auto const rest = mime.substr(kind.size());
    return rest == "json" || rest.ends_with("+json");
}

bool holds_lines(std::string_view mime) {
    return mime.starts_with("text/") || mime == "image/svg+xml" || mime == "application/javascript";
}

json data_of(json const& output) {
    json out = json::object();
    auto const* data = member(output, "data");
    if (data == nullptr || !data->is_object()) {
        return out;
    }
    for (auto const& [mime, value] : data->items()) {
        auto const* text = value.get_ptr<json::string_t const*>();
        if (holds_json(mime)) {
            out[mime] = value;
        } else if (text == nullptr) {
            out[mime] = lines_of(to_text(value));
        } else if (holds_lines(mime)) {
            out[mime] = lines_of(*text);
        } else {
            out[mime] = *text;  // base64 stays as it came, with the line ends it has or has not
        }
    }
    return out;
}

json metadata_of(json const& output) {
    auto const* found = member(output, "metadata");
    return found != nullptr && found->is_object() ? *found : json::object();
}

json count_of(json const& from) {
    auto const count = number_of(from, "execution_count", -1);
    return count < 0 ? json(nullptr) : json(count);
}

bool has_traceback(json const& output) {
    auto const* lines = member(output, "traceback");
    return lines != nullptr && lines->is_array() && !lines->empty();
}

json traceback_of(json const& output) {
    json out = json::array();
    auto const* lines = member(output, "traceback");
    if (lines != nullptr && lines->is_array()) {
        for (auto const& line : *lines) {
            if (line.is_string()) {
                out.push_back(line);
            }
        }
    }
    return out;
}

json converted(json const& output) {
    auto const type = text_of(output, "type");
    json out = json::object();
    if (type == "stream") {
        out["name"] = text_of(output, "name");
        out["output_type"] = type;
        out["text"] = lines_of(text_of(output, "text"));
    } else if (type == "display_data" || type == "execute_result") {
        out["data"] = data_of(output);
        if (type == "execute_result") {
            out["execution_count"] = count_of(output);
        }
        out["metadata"] = metadata_of(output);
        out["output_type"] = type;
    } else if (type == "error" && has_traceback(output)) {
        out["ename"] = text_of(output, "ename");
        out["evalue"] = text_of(output, "evalue");
        out["output_type"] = type;
        out["traceback"] = traceback_of(output);
    }
    return out;
}

}  // namespace

json notebook_outputs(json const& execution) {
    json out = json::array();
    auto const* outputs = member(execution, "outputs");
    if (outputs != nullptr && outputs->is_array()) {
        for (auto const& output : *outputs) {
            if (auto one = converted(output); !one.empty()) {
                out.push_back(std::move(one));
            }
        }
    }
    return out;
}

void show_instead(json& output, json const& shown) {
    if (auto const type = text_of(output, "output_type");
        type == "display_data" || type == "execute_result") {
        output["data"] = data_of(shown);
        output["metadata"] = metadata_of(shown);
    }
}

}  // namespace broker::client
