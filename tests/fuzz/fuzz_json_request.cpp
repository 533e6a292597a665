// SPDX-License-Identifier: Apache-2.0
// Request bodies of any bytes: what is taken is UTF-8 without a BOM, and every typed read of it
// ends in a value or a sentence that is UTF-8 itself.
#include "http/proto/json_request.hpp"
#include "http/proto/json_text.hpp"
#include "http/proto/object_reader.hpp"

#include <cstdint>
#include <cstdlib>
#include <map>
#include <optional>
#include <string>

namespace {

void check(bool holds) {
    if (!holds) {
        std::abort();
    }
}

void check_text(std::optional<std::string> const& text) { check(!text || http::is_utf8(*text)); }

void read_all(http::json_document const& body, http::unknown_fields rule) {
    http::object_reader reader(body, rule);
    check_text(reader.required_text("code"));
    check_text(reader.text("session_id"));
    reader.number("timeout");
    reader.whole("n");
    reader.boolean("silent");
    for (auto const& [name, value] :
         reader.texts("labels").value_or(std::map<std::string, std::string>{})) {
        check_text(name);
        check_text(value);
    }
    auto limits = reader.object("limits");
    limits.number("cpus");
    limits.whole("pids");
    if (auto const done = reader.finish(); !done) {
        check(!done.error().detail.empty() && http::is_utf8(done.error().detail));
    }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(std::uint8_t const* data, std::size_t size) {
    std::string_view const body(reinterpret_cast<char const*>(data), size);
    auto const parsed = http::parse_json_request(body);
    if (!parsed) {
        auto const& error = parsed.error();
        check(!error.sentence.empty() && http::is_utf8(error.sentence) && error.position <= size);
        return 0;
    }
    check(http::is_utf8(body));
    read_all(*parsed, http::unknown_fields::refuse);
    read_all(*parsed, http::unknown_fields::ignore);
    return 0;
}
