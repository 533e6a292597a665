// SPDX-License-Identifier: Apache-2.0
// Request bodies of any bytes: what is taken is UTF-8 without a BOM, and every typed read of it
// ends in a value or a sentence that is UTF-8 itself.
#include "http/proto/json_request.hpp"
#include "http/proto/json_text.hpp"
#include "http/proto/object_reader.hpp"

#include <cstdint>
#include <cstdlib>

namespace {

void read_all(http::json_document const& body, http::unknown_fields rule) {
    http::object_reader reader(body, rule);
    reader.required_text("code");
    reader.text("session_id");
    reader.number("timeout");
    reader.whole("n");
    reader.boolean("silent");
    reader.texts("labels");
    auto limits = reader.object("limits");
    limits.number("cpus");
    limits.whole("pids");
    auto const done = reader.finish();
    if (!done && !http::is_utf8(done.error().detail) && done.error().detail.empty()) {
        std::abort();
    }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(std::uint8_t const* data, std::size_t size) {
    std::string_view const body(reinterpret_cast<char const*>(data), size);
    auto const parsed = http::parse_json_request(body);
    if (!parsed) {
        if (parsed.error().sentence.empty() || parsed.error().position > size) {
            std::abort();
        }
        return 0;
    }
    if (!http::is_utf8(body)) {
        std::abort();
    }
    read_all(*parsed, http::unknown_fields::refuse);
    read_all(*parsed, http::unknown_fields::ignore);
    return 0;
}
