// SPDX-License-Identifier: Apache-2.0
// Server-sent events, read back as a client reads them.
#include "http/proto/event_stream.hpp"

#include "tests/support/catch.hpp"
#include "tests/unit/http/proto/sse_reader.hpp"

using test::sse_event;
using test::sse_reader;

namespace {

std::string written(std::uint64_t id, std::string_view type, std::string_view data) {
    std::string out;
    http::append_sse_event(out, id, type, data);
    return out;
}

}  // namespace

TEST_CASE("an event is its id, its type and a line for each line of data", "[http][sse]") {
    CHECK(written(7, "output", "{\"a\":1}") == "id: 7\nevent: output\ndata: {\"a\":1}\n\n");
    CHECK(written(0, "", "a\r\nb\rc\nd") == "id: 0\ndata: a\ndata: b\ndata: c\ndata: d\n\n");
}

TEST_CASE("a client reads what was written, whatever the data holds", "[http][sse]") {
    for (std::string const data :
         {"", " ", " a", "a", "\n", "\r", "\r\n", "\n\r", "a\n", "\na", "a\n\nb", "a\r\n\r\nb",
          "a\r\rb", ":a", "data: a", "id: 9\n\ndata: b", "\xc3\xa4", "\xef\xbb\xbf"}) {
        INFO(data);
        auto const stream = written(1, "t", data) + written(2, "", "next");
        CHECK(sse_reader::read(stream) ==
              std::vector<sse_event>{{"1", "t", test::with_plain_line_ends(data)},
                                     {"2", "message", "next"}});
    }
}

TEST_CASE("a type cannot begin a field of its own", "[http][sse]") {
    CHECK(sse_reader::read(written(3, "a\ndata: b\r\n\n", "c")) ==
          std::vector<sse_event>{{"3", "a data: b   ", "c"}});
}

TEST_CASE("a comment is no event and changes none", "[http][sse]") {
    std::string out;
    http::append_sse_comment(out);
    CHECK(out == ":\n\n");
    http::append_sse_event(out, 1, "t", "a");
    http::append_sse_comment(out);
    http::append_sse_event(out, 2, "", "b");
    CHECK(sse_reader::read(out) == std::vector<sse_event>{{"1", "t", "a"}, {"2", "message", "b"}});
}

TEST_CASE("an event id is a whole number from 0", "[http][sse]") {
    CHECK(http::parse_event_id("0") == 0U);
    CHECK(http::parse_event_id("42") == 42U);
    CHECK(http::parse_event_id("18446744073709551615") == UINT64_MAX);
    for (auto const* const bad : {"", "-1", "+1", "1.0", " 1", "1 ", "0x1", "a", "1e3",
                                  "18446744073709551616", "99999999999999999999999"}) {
        INFO(bad);
        CHECK_FALSE(http::parse_event_id(bad));
    }
}
