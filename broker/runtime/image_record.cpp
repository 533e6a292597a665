// SPDX-License-Identifier: Apache-2.0
// `image.json` read and written. Never throws for what a file holds. Values; any thread.
#include "broker/runtime/image_record.hpp"

#include <nlohmann/json.hpp>

#include <algorithm>

namespace broker {
namespace {

using json = nlohmann::json;

failure wrong(std::string_view member) {
    return fail(errc::image_unavailable, "the image's description lacks a good \"" +
                                             std::string(member) + "\"; build the image again");
}

bool take(json const& from, char const* name, std::string& to) {
    auto const found = from.find(name);
    auto const* text = found == from.end() ? nullptr : found->get_ptr<json::string_t const*>();
    if (text == nullptr) {
        return false;
    }
    to = *text;
    return true;
}

bool take(json const& from, char const* name, std::vector<std::string>& to) {
    auto const found = from.find(name);
    if (found == from.end() || !found->is_array()) {
        return false;
    }
    for (auto const& item : *found) {
        auto const* text = item.get_ptr<json::string_t const*>();
        if (text == nullptr || text->find('\0') != std::string::npos) {
            return false;
        }
        to.push_back(*text);
    }
    return true;
}

/// Absent in the description of an image with one language.
bool take(json const& from, char const* name, std::map<std::string, std::vector<std::string>>& to) {
    auto const found = from.find(name);
    if (found == from.end()) {
        return true;
    }
    for (auto const& [key, value] : found->items()) {
        if (!take(*found, key.c_str(), to[key]) || to[key].empty()) {
            return false;
        }
    }
    return found->is_object();
}

bool take(json const& from, char const* name, std::map<std::string, std::string>& to) {
    auto const found = from.find(name);
    if (found == from.end() || !found->is_object()) {
        return false;
    }
    for (auto const& [key, value] : found->items()) {
        auto const* text = value.get_ptr<json::string_t const*>();
        if (text == nullptr) {
            return false;
        }
        to.emplace(key, *text);
    }
    return true;
}

}  // namespace

std::string to_json(image const& which) {
    json document = {
        {"name", which.name},
        {"language", which.language},
        {"digest", which.digest},
        {"kernel_argv", which.kernel_argv},
        {"kernel_env", which.kernel_env},
        {"libraries", which.libraries},
        {"created_at", which.created_at},
        {"base", which.base},
        {"inputs", which.inputs},
    };
    if (!which.kernels.empty()) {
        document["kernels"] = which.kernels;
    }
    return document.dump(2, ' ', false, json::error_handler_t::replace) + '\n';
}

result<image> image_from_json(std::string_view text) {
    json const document = json::parse(text, nullptr, false);
    if (!document.is_object()) {
        return fail(errc::image_unavailable,
                    "the image's description is not JSON; build the image again");
    }
    image read;
    for (auto const& [name, field] : {std::pair{"name", &image::name},
                                      {"language", &image::language},
                                      {"digest", &image::digest},
                                      {"created_at", &image::created_at},
                                      {"base", &image::base},
                                      {"inputs", &image::inputs}}) {
        if (!take(document, name, read.*field)) {
            return wrong(name);
        }
    }
    if (!is_image_name(read.name)) {
        return wrong("name");
    }
    if (!is_image_digest(read.digest)) {
        return wrong("digest");
    }
    if (!take(document, "kernel_argv", read.kernel_argv) || read.kernel_argv.empty()) {
        return wrong("kernel_argv");
    }
    if (!take(document, "kernels", read.kernels)) {
        return wrong("kernels");
    }
    if (!take(document, "kernel_env", read.kernel_env)) {
        return wrong("kernel_env");
    }
    if (!take(document, "libraries", read.libraries)) {
        return wrong("libraries");
    }
    return read;
}

bool is_image_digest(std::string_view text) noexcept {
    return text.size() == 64 && std::all_of(text.begin(), text.end(), [](char c) {
               return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f');
           });
}

bool is_image_name(std::string_view text) noexcept {
    auto const plain = [](char c) {
        return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
    };
    return !text.empty() && text.size() <= 63 && plain(text.front()) &&
           std::all_of(text.begin(), text.end(),
                       [&](char c) { return plain(c) || c == '.' || c == '_' || c == '-'; });
}

}  // namespace broker
