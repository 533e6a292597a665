// SPDX-License-Identifier: Apache-2.0
// The document is checked once, when it is read; what is asked later is there.
// Never repairs what nbformat calls invalid, but for missing ids. One thread at a time.
#include "broker/client/notebook.hpp"

#include "broker/base/ids.hpp"
#include "broker/client/notebook_outputs.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <set>
#include <utility>

namespace broker::client {
namespace {

constexpr int major = 4;
constexpr int minor_with_ids = 5;

failure wrong(std::string what) { return fail(errc::invalid_field, std::move(what)); }

bool is_source(json const* source) {
    return source != nullptr &&
           (source->is_string() ||
            (source->is_array() &&
             std::ranges::all_of(*source, [](json const& line) { return line.is_string(); })));
}

bool is_cell_id(std::string_view id) {
    return !id.empty() && id.size() <= 64 && std::ranges::all_of(id, [](char c) {
        return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
               c == '-' || c == '_';
    });
}

bool has_tag(json const& cell, std::string_view tag) {
    auto const* metadata = member(cell, "metadata");
    auto const* tags = metadata != nullptr ? member(*metadata, "tags") : nullptr;
    return tags != nullptr && tags->is_array() &&
           std::ranges::any_of(*tags, [tag](json const& one) {
               auto const* text = one.get_ptr<json::string_t const*>();
               return text != nullptr && *text == tag;
           });
}

std::string source_of(json const& cell) {
    auto const* source = member(cell, "source");
    if (source == nullptr || !source->is_array()) {
        return text_of(cell, "source");
    }
    std::string out;
    for (auto const& line : *source) {
        if (auto const* text = line.get_ptr<json::string_t const*>()) {
            out += *text;
        }
    }
    return out;
}

bool is_blank(std::string_view text) { return text.find_first_not_of(" \t\r\n\f\v") == text.npos; }

result<void> check_version(json const& document) {
    if (!document.is_object()) {
        return wrong("this is no notebook: its JSON is not an object");
    }
    auto const version = number_of(document, "nbformat", 0);
    if (version == 0) {
        return wrong("this is no notebook: it has no nbformat");
    }
    if (version < major) {
        return wrong(
            fmt::format("this notebook has nbformat {}: convert it first, with "
                        "`jupyter nbconvert --to notebook --nbformat 4`",
                        version));
    }
    if (version > major) {
        return wrong(fmt::format("this notebook has nbformat {}, and 4 is understood", version));
    }
    return {};
}

}  // namespace

result<notebook> notebook::parse(std::string_view text) {
    if (text.starts_with("\xEF\xBB\xBF")) {
        text.remove_prefix(3);
    }
    auto document = parse_json(text);
    if (!document) {
        return wrong("this is no notebook: it is not JSON");
    }
    if (auto checked = check_version(*document); !checked) {
        return checked.error();
    }
    notebook out{*std::move(document)};
    if (auto prepared = out.prepare(); !prepared) {
        return prepared.error();
    }
    return out;
}

result<void> notebook::prepare() {
    if (auto const* cells = member(document_, "cells"); cells == nullptr || !cells->is_array()) {
        return wrong("this is no notebook: it has no list of cells");
    }
    if (number_of(document_, "nbformat_minor", 0) < minor_with_ids) {
        document_["nbformat_minor"] = minor_with_ids;
    }
    std::set<std::string> ids;
    auto& cells = document_["cells"];
    for (std::size_t place = 0; place < cells.size(); ++place) {
        auto& cell = cells[place];
        auto const type = text_of(cell, "cell_type");
        if (type.empty() || !is_source(member(cell, "source"))) {
            return wrong(fmt::format("cell {} has no cell_type or no source", place + 1));
        }
        auto id = text_of(cell, "id");
        if (!is_cell_id(id) || ids.contains(id)) {
            id = make_random_id();
            cell["id"] = id;
        }
        ids.insert(std::move(id));
        if (type != "code" || has_tag(cell, "skip-execution")) {
            continue;
        }
        cell["execution_count"] = nullptr;
        cell["outputs"] = json::array();
        if (!is_blank(source_of(cell))) {
            to_run_.push_back(place);
        }
    }
    return {};
}

json& notebook::cell_at(std::size_t cell) { return document_["cells"][cell]; }

json const& notebook::cell_at(std::size_t cell) const {
    return (*member(document_, "cells"))[cell];
}

std::string notebook::language() const {
    auto const* metadata = member(document_, "metadata");
    if (metadata == nullptr) {
        return {};
    }
    auto const* info = member(*metadata, "language_info");
    auto const* kernel = member(*metadata, "kernelspec");
    auto name = info != nullptr ? text_of(*info, "name") : std::string{};
    if (name.empty() && kernel != nullptr) {
        name = text_of(*kernel, "language");
    }
    std::ranges::transform(name, name.begin(), [](char c) {
        return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
    });
    return name;
}

std::string notebook::source(std::size_t cell) const { return source_of(cell_at(cell)); }

bool notebook::may_raise(std::size_t cell) const {
    return has_tag(cell_at(cell), "raises-exception");
}

void notebook::take_outputs(std::size_t cell, json const& execution) {
    auto const count = number_of(execution, "execution_count", -1);
    auto& into = cell_at(cell);
    into["execution_count"] = count < 0 ? json(nullptr) : json(count);
    into["outputs"] = notebook_outputs(execution);
    auto const* all = member(execution, "outputs");
    for (auto const& one : displays_.end_cell(cell, all != nullptr ? all->size() : 0)) {
        show_instead(cell_at(one.cell)["outputs"][one.output], one.shown);
    }
}

std::string notebook::text() const { return to_text(document_, 1) + "\n"; }

}  // namespace broker::client
