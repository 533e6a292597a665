// SPDX-License-Identifier: Apache-2.0
// The small readers and writers of header values.
#include "http/proto/content_disposition.hpp"
#include "http/proto/etag.hpp"
#include "http/proto/http_date.hpp"
#include "http/proto/media_type.hpp"
#include "http/proto/percent.hpp"
#include "http/proto/range.hpp"
#include "http/proto/refusal.hpp"
#include "http/proto/request_id.hpp"
#include "http/proto/response_head.hpp"
#include "http/proto/target.hpp"
#include "tests/support/catch.hpp"

namespace {

http::request get(std::initializer_list<std::pair<char const*, char const*>> headers,
                  std::string method = "GET") {
    http::request out;
    out.method = std::move(method);
    for (auto const& [name, value] : headers) {
        out.headers.add(name, value);
    }
    return out;
}

}  // namespace

TEST_CASE("field names are found without case", "[http][fields]") {
    http::fields headers;
    headers.add("Content-Type", "a");
    headers.add("content-TYPE", "b");
    REQUIRE(headers.find("CONTENT-type") != nullptr);
    CHECK(*headers.find("CONTENT-type") == "a");
    CHECK(headers.count("content-type") == 2);
    CHECK(headers.find("Content") == nullptr);
}

TEST_CASE("media types are read with their parameters", "[http][media]") {
    auto const type = http::parse_media_type(" Application/JSON ; Charset=\"UTF-8\" ;; x=y");
    REQUIRE(type);
    CHECK(type->is("application", "json"));
    CHECK(*type->param("charset") == "UTF-8");
    CHECK(http::is_json(*type));
    for (auto const* const bad : {"", "json", "/json", "a/", "a/b c", "a/b; x",
                                  "a/b; x=", "a/b;x=1;x=1", "a/b; x=\"1", "a/b, c/d"}) {
        INFO(bad);
        CHECK_FALSE(http::parse_media_type(bad));
    }
    CHECK_FALSE(http::is_json(*http::parse_media_type("application/json; charset=latin1")));
    CHECK_FALSE(http::is_json(*http::parse_media_type("text/json")));
}

TEST_CASE("Accept says how much a type is wanted", "[http][media]") {
    auto const json = [](std::string_view accept) {
        return http::accept_quality(accept, "application", "json");
    };
    CHECK(json("") == 1000);
    CHECK(json("*/*") == 1000);
    CHECK(json("text/event-stream") == 0);
    CHECK(json("text/*;q=0.5, application/json;q=0.4") == 400);
    CHECK(json("application/json;q=0, */*;q=0.1") == 0);
    CHECK(json("text/html") == 0);
    CHECK(json("text/html,application/json") == 1000);
    CHECK(json("rubbish") == 1000);
    CHECK(json("application/json;q=7") == 1000);
    CHECK(http::accept_quality("text/*;q=0.25", "text", "plain") == 250);
    CHECK(http::accept_quality("text/plain;x=\"a,b\";q=0.125", "text", "plain") == 125);
}

TEST_CASE("percent-encoding is taken once and never makes a separator", "[http][percent]") {
    CHECK(http::decode_segment("a%20b%252F") == "a b%2F");
    CHECK(http::decode_segment("%ff%C3%a4") == "\xff\xc3\xa4");
    for (auto const* const bad : {"%", "%2", "%zz", "%2F", "%2f", "%00", "a/b"}) {
        INFO(bad);
        CHECK_FALSE(http::decode_segment(bad));
    }
    CHECK(http::decode_path("a/b%20c") == "a/b c");
    CHECK_FALSE(http::decode_path("a%2fb"));
    CHECK(http::encode_path("a b/\xc3\xa4%+") == "a%20b/%C3%A4%25%2B");
}

TEST_CASE("queries are taken apart in order", "[http][percent]") {
    auto const entries = http::parse_query("a=1&b=x%26y+z&a=&c");
    REQUIRE(entries);
    CHECK(*entries ==
          std::vector<http::query_entry>{{"a", "1"}, {"b", "x&y z"}, {"a", ""}, {"c", ""}});
    CHECK(http::parse_query("")->empty());
    for (auto const* const bad : {"a=%", "a=%0", "a=%00", "a=%0a", "a=%ff", "=1", "%zz=1"}) {
        INFO(bad);
        CHECK_FALSE(http::parse_query(bad));
    }
}

TEST_CASE("targets are origin form or an http URL", "[http][target]") {
    auto const parts = http::parse_target("/a/b?c=d?e");
    REQUIRE(parts);
    CHECK(parts->path == "/a/b");
    CHECK(parts->query == "c=d?e");
    CHECK(parts->authority.empty());
    auto const absolute = http::parse_target("HTTP://h:1?q");
    REQUIRE(absolute);
    CHECK(absolute->authority == "h:1");
    CHECK(absolute->path == "/");
    CHECK(absolute->query == "q");
    for (auto const* const bad : {"", "*", "h:1", "ftp://h/", "http:///x", "http://u@h/x", "?q"}) {
        INFO(bad);
        CHECK_FALSE(http::parse_target(bad));
    }
}

TEST_CASE("dates go both ways and only in one form", "[http][date]") {
    CHECK(http::format_http_date(784111777) == "Sun, 06 Nov 1994 08:49:37 GMT");
    CHECK(http::parse_http_date("Sun, 06 Nov 1994 08:49:37 GMT") == 784111777);
    CHECK(http::format_http_date(0) == "Thu, 01 Jan 1970 00:00:00 GMT");
    for (auto const* const bad :
         {"", "Mon, 06 Nov 1994 08:49:37 GMT", "Sun, 06 Nov 1994 08:49:37 CET",
          "Sunday, 06-Nov-94 08:49:37 GMT", "Sun, 31 Feb 1994 08:49:37 GMT",
          "Sun, 06 Nov 1994 25:49:37 GMT", "Sun, 06 Xxx 1994 08:49:37 GMT"}) {
        INFO(bad);
        CHECK_FALSE(http::parse_http_date(bad));
    }
}

TEST_CASE("one range is understood and everything else ignored", "[http][range]") {
    auto const choose = [](char const* range, std::uint64_t size = 100) {
        auto const choice = http::choose_range(get({{"Range", range}}), size, {"t", 1000});
        using kind = http::range_choice::outcome;
        return choice.kind == kind::whole           ? std::string("whole")
               : choice.kind == kind::unsatisfiable ? std::string("416")
                                                    : http::content_range(choice, size);
    };
    CHECK(choose("bytes=0-9") == "bytes 0-9/100");
    CHECK(choose("BYTES=90-") == "bytes 90-99/100");
    CHECK(choose("bytes=-5") == "bytes 95-99/100");
    CHECK(choose("bytes=-500") == "bytes 0-99/100");
    CHECK(choose("bytes=50-18446744073709551615") == "bytes 50-99/100");
    CHECK(choose("bytes=100-") == "416");
    CHECK(choose("bytes=-0") == "416");
    CHECK(choose("bytes=0-", 0) == "416");
    for (auto const* const other :
         {"bytes=", "bytes=-", "bytes=5", "bytes=5-4", "bytes=0-1,3-4", "lines=0-1", "bytes=a-b",
          "bytes=+1-2", "bytes=0-99999999999999999999"}) {
        INFO(other);
        CHECK(choose(other) == "whole");
    }
    using kind = http::range_choice::outcome;
    CHECK(http::choose_range(get({{"Range", "bytes=0-1"}}, "HEAD"), 9, {}).kind == kind::whole);
    CHECK(http::choose_range(get({{"Range", "bytes=0-1"}, {"Range", "bytes=0-1"}}), 9, {}).kind ==
          kind::whole);
}

TEST_CASE("If-Range lets a range pass only for the same file", "[http][range]") {
    using kind = http::range_choice::outcome;
    auto const with = [](char const* condition) {
        return http::choose_range(get({{"Range", "bytes=0-1"}, {"If-Range", condition}}), 9,
                                  {"t", 784111777})
            .kind;
    };
    CHECK(with("\"t\"") == kind::part);
    CHECK(with("\"u\"") == kind::whole);
    CHECK(with("W/\"t\"") == kind::whole);
    CHECK(with("*") == kind::whole);
    CHECK(with("Sun, 06 Nov 1994 08:49:37 GMT") == kind::part);
    CHECK(with("Sun, 06 Nov 1994 08:49:38 GMT") == kind::whole);
}

TEST_CASE("preconditions hold, fail, or spare the body", "[http][etag]") {
    http::resource_state const there{"t", 784111777};
    http::resource_state const nothing{};
    auto const check_preconditions = [](http::request const& incoming,
                                        http::resource_state const& now) {
        return http::preconditions(incoming).check(now);
    };
    using http::precondition;
    CHECK(check_preconditions(get({}), there) == precondition::holds);
    CHECK(check_preconditions(get({{"If-Match", "\"t\""}}, "PUT"), there) == precondition::holds);
    CHECK(check_preconditions(get({{"If-Match", "\"u\", \"t\""}}, "PUT"), there) ==
          precondition::holds);
    CHECK(check_preconditions(get({{"If-Match", "W/\"t\""}}, "PUT"), there) ==
          precondition::failed);
    CHECK(check_preconditions(get({{"If-Match", "t"}}, "PUT"), there) == precondition::failed);
    CHECK(check_preconditions(get({{"If-Match", "*"}}, "PUT"), there) == precondition::holds);
    CHECK(check_preconditions(get({{"If-Match", "*"}}, "PUT"), nothing) == precondition::failed);
    CHECK(check_preconditions(get({{"If-None-Match", "*"}}, "PUT"), there) == precondition::failed);
    CHECK(check_preconditions(get({{"If-None-Match", "*"}}, "PUT"), nothing) ==
          precondition::holds);
    CHECK(check_preconditions(get({{"If-None-Match", "W/\"t\""}}), there) ==
          precondition::not_modified);
    CHECK(check_preconditions(get({{"If-None-Match", "\"u\""}}), there) == precondition::holds);
    CHECK(check_preconditions(get({{"If-Modified-Since", "Sun, 06 Nov 1994 08:49:37 GMT"}}),
                              there) == precondition::not_modified);
    CHECK(check_preconditions(get({{"If-Modified-Since", "Sun, 06 Nov 1994 08:49:36 GMT"}}),
                              there) == precondition::holds);
    CHECK(check_preconditions(get({{"If-None-Match", "\"u\""},
                                   {"If-Modified-Since", "Sun, 06 Nov 1994 08:49:37 GMT"}}),
                              there) == precondition::holds);
}

TEST_CASE("conditions count on every line, and each has its place", "[http][etag]") {
    using http::precondition;
    http::resource_state const there{"t", 784111777};
    http::resource_state const nothing{};
    auto const check = [](http::request const& incoming, http::resource_state const& now) {
        CHECK(http::preconditions(incoming).any());
        return http::preconditions(incoming).check(now);
    };
    char const* const before = "Sun, 06 Nov 1994 08:49:36 GMT";
    char const* const then = "Sun, 06 Nov 1994 08:49:37 GMT";
    CHECK(check(get({{"If-Match", "\"u\""}, {"If-Match", "\"t\""}}, "PUT"), there) ==
          precondition::holds);
    CHECK(check(get({{"If-Match", ""}, {"If-Match", "\"t\""}}, "PUT"), there) ==
          precondition::holds);
    CHECK(check(get({{"If-None-Match", "\"u\""}, {"If-None-Match", "\"t\""}}, "PUT"), there) ==
          precondition::failed);
    CHECK(check(get({{"If-None-Match", "\"t\""}}, "DELETE"), there) == precondition::failed);
    CHECK(check(get({{"If-None-Match", "\"u\""}}, "PUT"), there) == precondition::holds);
    for (auto const* const method : {"GET", "PUT", "DELETE"}) {
        CHECK(check(get({{"If-Unmodified-Since", before}}, method), there) == precondition::failed);
        CHECK(check(get({{"If-Unmodified-Since", then}}, method), there) == precondition::holds);
        CHECK(check(get({{"If-Unmodified-Since", before}}, method), nothing) ==
              precondition::holds);
        CHECK(check(get({{"If-Unmodified-Since", before}, {"If-Match", "\"t\""}}, method), there) ==
              precondition::holds);
    }
    CHECK(check(get({{"If-Unmodified-Since", before}, {"If-None-Match", "\"t\""}}), there) ==
          precondition::failed);
    CHECK_FALSE(http::preconditions(get({{"If-Unmodified-Since", "soon"}}, "PUT")).any());
    CHECK_FALSE(http::preconditions(get({{"If-Modified-Since", then}}, "PUT")).any());
    CHECK_FALSE(http::preconditions(get({})).any());
}

TEST_CASE("attachments carry any file name and no control character", "[http][disposition]") {
    CHECK(http::attachment("plot.png") == "attachment; filename=\"plot.png\"");
    CHECK(http::attachment("a\"b\\c") ==
          "attachment; filename=\"a_b_c\"; filename*=UTF-8''a%22b%5Cc");
    CHECK(http::attachment("\xc3\xa4.csv") ==
          "attachment; filename=\"_.csv\"; filename*=UTF-8''%C3%A4.csv");
    CHECK(http::attachment("a\r\nX: y") == "attachment; filename=\"aX: y\"");
    CHECK(http::attachment("\xff") == "attachment; filename=\"_\"; filename*=UTF-8''%EF%BF%BD");
    CHECK(http::attachment("50%") == "attachment; filename=\"50_\"; filename*=UTF-8''50%25");
}

TEST_CASE("only sane request ids are echoed", "[http][request_id]") {
    CHECK(http::is_sane_request_id("4bf92f35-77b3.4da6:a3/ce=@+_"));
    CHECK_FALSE(http::is_sane_request_id(""));
    CHECK_FALSE(http::is_sane_request_id("a b"));
    CHECK_FALSE(http::is_sane_request_id("a\"b"));
    CHECK_FALSE(http::is_sane_request_id(std::string(129, 'a')));
    std::string const sent = "one";
    CHECK(http::choose_request_id(&sent, 1) == "one");
    CHECK(http::choose_request_id(&sent, 2).size() == 21);
    CHECK(http::choose_request_id(nullptr, 0).size() == 21);
}

TEST_CASE("a response head lets no line break through", "[http][response]") {
    http::response answer;
    answer.headers.add("X-A", "b\r\nSet-Cookie: c");
    std::string out;
    http::append_head(out, answer, {"D", "r", 7, false, false});
    CHECK(out ==
          "HTTP/1.1 200 OK\r\nDate: D\r\nX-A: b  Set-Cookie: c\r\nContent-Length: 7\r\n"
          "X-Request-Id: r\r\nX-Content-Type-Options: nosniff\r\nConnection: close\r\n\r\n");
}

TEST_CASE("a head without a length announces chunks where there are any", "[http][response]") {
    http::response answer;
    auto const head = [&](http::response_facts const& facts) {
        std::string out;
        http::append_head(out, answer, facts);
        return out;
    };
    std::string const end = "X-Request-Id: r\r\nX-Content-Type-Options: nosniff\r\n";
    CHECK(head({"D", "r", {}, true, false}) ==
          "HTTP/1.1 200 OK\r\nDate: D\r\nTransfer-Encoding: chunked\r\n" + end + "\r\n");
    CHECK(head({"D", "r", {}, false, true}) ==
          "HTTP/1.1 200 OK\r\nDate: D\r\n" + end + "Connection: close\r\n\r\n");
    answer.status = 204;
    CHECK(head({"D", "r", {}, true, false}) ==
          "HTTP/1.1 204 No Content\r\nDate: D\r\n" + end + "\r\n");
}

TEST_CASE("a problem document is JSON whatever its detail holds", "[http][refusal]") {
    auto what = http::describe(http::refusal::invalid_json, "a \"quote\"\n\x01\xff");
    what.retry_after_s = 3;
    auto const answer = http::to_response(what);
    CHECK(answer.status == 400);
    CHECK(*answer.headers.find("Content-Type") == "application/problem+json");
    CHECK(*answer.headers.find("Retry-After") == "3");
    CHECK(
        std::get<std::string>(answer.body) ==
        R"({"type":"urn:kernel-broker:problem:invalid_json","title":"The body is not valid JSON",)"
        R"("status":400,"detail":"a \"quote\"\n\u0001)"
        "\xef\xbf\xbd"
        R"(","code":"invalid_json","retry_after_s":3})");
}
