// SPDX-License-Identifier: Apache-2.0
// Conditions and ranges of one download. Never reads a byte of the file. Pure.
#include "http/api/file_response.hpp"

#include "http/api/problem.hpp"
#include "http/proto/content_disposition.hpp"
#include "http/proto/range.hpp"

#include <utility>

namespace http::api {

resource_state state_of(broker::file_state const& now) {
    if (now.etag.empty()) {
        return {};
    }
    return {.tag = now.etag.substr(1, now.etag.size() - 2),
            .modified_unix = now.modified_ns / 1'000'000'000};
}

response file_response(request const& incoming, broker::opened_file file, std::string const& name,
                       std::string_view type) {
    auto const state = state_of({file.etag, file.info.modified_ns});
    response answer;
    answer.headers.add("ETag", file.etag);
    answer.headers.add("Accept-Ranges", "bytes");
    answer.headers.add("Content-Type", std::string(type));
    answer.headers.add("Content-Disposition", attachment(name));
    switch (preconditions(incoming).check(state)) {
        case precondition::holds:
            break;
        case precondition::not_modified:
            answer.status = 304;
            return answer;
        case precondition::failed:
            return to_response(broker::fail(broker::errc::precondition_failed,
                                            "the file is not in the state that was asked for"));
    }
    auto const size = file.info.size_bytes;
    auto const range = choose_range(incoming, size, state);
    if (range.kind == range_choice::outcome::unsatisfiable) {
        return range_not_satisfiable(size);
    }
    bool const part = range.kind == range_choice::outcome::part;
    if (part) {
        answer.status = 206;
        answer.headers.add("Content-Range", content_range(range, size));
    }
    answer.body = file_body{.file = std::make_shared<broker::unique_fd>(std::move(file.file)),
                            .offset = part ? range.offset : 0,
                            .length = part ? range.length : size};
    return answer;
}

}  // namespace http::api
