// SPDX-License-Identifier: Apache-2.0
// Both spellings of everything that has two. Pure.
#include "http/librechat/exec_request.hpp"

#include "http/librechat/languages.hpp"
#include "http/proto/ascii.hpp"
#include "http/proto/object_reader.hpp"

#include <algorithm>
#include <utility>

namespace http::librechat {
namespace {

constexpr std::size_t max_files = 1000;
constexpr std::size_t longest_shown = 40;

std::string either(object_reader& fields, std::string_view first, std::string_view second) {
    auto found = fields.text(first);
    auto other = fields.text(second);
    return std::move(found ? found : other).value_or("");
}

/// Nothing for what is no string: of a reference, that is a file that is missing, no bad request.
std::string either_if_text(object_reader& fields, std::string_view first, std::string_view second) {
    for (auto const name : {first, second}) {
        if (auto const raw = fields.raw(name); raw && raw->starts_with('"')) {
            return fields.text(name).value_or("");
        }
    }
    return {};
}

/// Those that name nothing are told as missing, like those that have expired.
void read_files(object_reader& fields, exec_request& out) {
    for (auto& one : fields.objects("files", max_files)) {
        file_ref ref;
        ref.id = either_if_text(one, "id", "fileId");
        auto const modern = one.has("storage_session_id");
        ref.name = either_if_text(one, "name", "filename");
        out.knows_inherited = out.knows_inherited && modern;
        out.files.push_back(std::move(ref));
    }
}

}  // namespace

bool is_runtime_hint(std::string_view hint) {
    static constexpr std::size_t longest = 128;
    static constexpr std::size_t secret_digits = 12;
    auto const is_allowed = [](char c) {
        return ascii::is_alnum(c) || c == '.' || c == '_' || c == ':' || c == '-';
    };
    if (hint.size() > longest || hint.size() < 3 || hint[0] != 'v' || !ascii::is_digit(hint[1]) ||
        !std::all_of(hint.begin(), hint.end(), is_allowed)) {
        return false;
    }
    bool has_secret = false;
    for (auto rest = hint; !rest.empty();) {
        auto const part = rest.substr(0, rest.find(':'));
        has_secret = has_secret || (part.size() >= secret_digits &&
                                    std::all_of(part.begin(), part.end(),
                                                [](char c) { return ascii::hex_value(c) >= 0; }));
        rest.remove_prefix(std::min(part.size() + 1, rest.size()));
    }
    return has_secret;
}

broker::result<exec_request> read_exec(json_document const& body, std::string_view otherwise) {
    object_reader fields(body, unknown_fields::ignore);
    exec_request out;
    auto const language = either(fields, "lang", "language");
    out.code = fields.required_text("code");
    if (fields.has("code") && out.code.empty()) {
        fields.reject("code", "must not be empty");
    }
    out.args = fields.list("args", true).value_or(std::vector<std::string>{});
    if (std::any_of(out.args.begin(), out.args.end(),
                    [](auto const& word) { return word.find('\0') != std::string::npos; })) {
        fields.reject("args", "must not hold a zero byte");
    }
    read_files(fields, out);
    out.runtime_session_hint = fields.text("runtime_session_hint");
    out.session_id = either_if_text(fields, "session_id", "sessionId");
    if (auto const ms = fields.number("timeout")) {
        out.timeout_s = *ms / 1000;
        if (!(*ms > 0)) {
            fields.reject("timeout", "must be a number of milliseconds above 0");
        }
    }
    if (auto const read = fields.finish(); !read) {
        return read.error();
    }
    auto const canonical = canonical_language(language.empty() ? otherwise : language);
    if (!canonical) {
        return broker::fail(broker::errc::unsupported_language,
                            "Unsupported language: " + language.substr(0, longest_shown));
    }
    out.language = *canonical;
    return out;
}

}  // namespace http::librechat
