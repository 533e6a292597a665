// SPDX-License-Identifier: Apache-2.0
// Members as the official server names them. Pure.
#include "http/librechat/object_text.hpp"

#include "broker/base/json_text.hpp"
#include "broker/base/sha256.hpp"
#include "broker/base/time.hpp"
#include "http/proto/ascii.hpp"
#include "http/proto/percent.hpp"

#include <algorithm>
#include <array>
#include <utility>

namespace http::librechat {
namespace {

using broker::file_version;
using broker::json_object;

using type_of_suffix = std::pair<std::string_view, std::string_view>;

/// Of what chats are about; the rest is bytes. (IANA media types.)
constexpr std::array<type_of_suffix, 32> types = {{
    {"csv", "text/csv"},
    {"txt", "text/plain"},
    {"log", "text/plain"},
    {"md", "text/markdown"},
    {"py", "text/x-python"},
    {"html", "text/html"},
    {"htm", "text/html"},
    {"css", "text/css"},
    {"js", "text/javascript"},
    {"tsv", "text/tab-separated-values"},
    {"json", "application/json"},
    {"xml", "application/xml"},
    {"yaml", "application/yaml"},
    {"yml", "application/yaml"},
    {"pdf", "application/pdf"},
    {"zip", "application/zip"},
    {"gz", "application/gzip"},
    {"tar", "application/x-tar"},
    {"png", "image/png"},
    {"jpg", "image/jpeg"},
    {"jpeg", "image/jpeg"},
    {"gif", "image/gif"},
    {"webp", "image/webp"},
    {"svg", "image/svg+xml"},
    {"bmp", "image/bmp"},
    {"mp3", "audio/mpeg"},
    {"wav", "audio/wav"},
    {"mp4", "video/mp4"},
    {"parquet", "application/vnd.apache.parquet"},
    {"docx", "application/vnd.openxmlformats-officedocument.wordprocessingml.document"},
    {"xlsx", "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"},
    {"pptx", "application/vnd.openxmlformats-officedocument.presentationml.presentation"},
}};

/// With its dot; empty when it has none.
std::string suffix_of(std::string_view path) {
    auto const name = path.substr(path.rfind('/') + 1);
    auto const dot = name.rfind('.');
    return dot == std::string_view::npos || dot == 0 ? "" : std::string(name.substr(dot));
}

/// Clients take the id from between the slash and the first dot behind it.
std::string object_name(file_version const& file) {
    return file.session.str() + '/' + file.id.str() + suffix_of(file.path);
}

std::string etag_of(file_version const& file) { return broker::to_hex(file.content->sha256); }

void add_summary(json_object& out, file_version const& file) {
    out.string("name", object_name(file))
        .integer("size", static_cast<std::int64_t>(file.content->size_bytes))
        .string("lastModified", broker::to_rfc3339(file.created_at))
        .string("etag", etag_of(file));
}

void add_full(json_object& out, file_version const& file) {
    add_summary(out, file);
    auto const type = content_type_of(file.path);
    json_object metadata(out.member("metadata"));
    metadata.string("original-filename", file.path).string("content-type", type);
    metadata.close();
    out.string("contentType", type).string("versionId", file.id.str());
}

void add_normalized(json_object& out, file_version const& file) {
    out.string("id", file.id.str()).string("name", file.path);
    out.string("storage_session_id", file.session.str())
        .string("session_id", file.session.str())
        .integer("size", static_cast<std::int64_t>(file.content->size_bytes))
        .string("contentType", content_type_of(file.path))
        .string("lastModified", broker::to_rfc3339(file.created_at));
    if (file.read_only) {
        out.boolean("read_only", true);
    }
}

void append_entry(std::string& text, file_version const& file, listing_detail detail) {
    if (detail == listing_detail::simple) {
        broker::append_json_string(text, object_name(file));
        return;
    }
    json_object out(text);
    switch (detail) {
        case listing_detail::full:
            add_full(out, file);
            break;
        case listing_detail::normalized:
            add_normalized(out, file);
            break;
        case listing_detail::summary:
        case listing_detail::simple:
            add_summary(out, file);
            break;
    }
    out.close();
}

}  // namespace

std::string_view content_type_of(std::string_view path) {
    auto const suffix = ascii::to_lower(suffix_of(path));
    auto const at = std::find_if(types.begin(), types.end(), [&suffix](auto const& one) {
        return !suffix.empty() && one.first == std::string_view(suffix).substr(1);
    });
    return at == types.end() ? "application/octet-stream" : at->second;
}

bool is_by_the_way(std::string_view path) {
    for (std::size_t at = 0; at < path.size();) {
        auto const end = path.find('/', at);
        if (end == std::string_view::npos) {
            return false;
        }
        auto const folder = path.substr(at, end - at);
        if (folder.starts_with('.') || folder == "__pycache__" || folder == "node_modules") {
            return true;
        }
        at = end + 1;
    }
    return false;
}

listing_detail detail_in(std::string_view query) {
    static constexpr std::array<std::pair<std::string_view, listing_detail>, 3> words = {
        {{"summary", listing_detail::summary},
         {"full", listing_detail::full},
         {"normalized", listing_detail::normalized}}};
    auto const entries = parse_query(query);
    if (!entries) {
        return listing_detail::simple;
    }
    for (auto const& [name, value] : *entries) {
        for (auto const& [word, detail] : words) {
            if (name == "detail" && value == word) {
                return detail;
            }
        }
    }
    return listing_detail::simple;
}

std::string render_listing(std::vector<file_version> const& files, listing_detail detail) {
    std::string text = "[";
    for (auto const& file : files) {
        if (file.execution && is_by_the_way(file.path)) {
            continue;
        }
        text += text.size() > 1 ? "," : "";
        append_entry(text, file, detail);
    }
    return text + ']';
}

std::string render_object(file_version const& file) {
    std::string text;
    json_object out(text);
    add_summary(out, file);
    out.string("originalFilename", file.path)
        .string("contentType", content_type_of(file.path))
        .boolean("readOnly", file.read_only)
        .close();
    return text;
}

std::string render_deleted(std::string const& session, std::string const& id) {
    std::string text;
    json_object out(text);
    out.string("message", "File deleted successfully")
        .string("session_id", session)
        .string("fileId", id)
        .close();
    return text;
}

}  // namespace http::librechat
