// SPDX-License-Identifier: Apache-2.0
#include "kernelproto/wire/header.hpp"

#include "kernelproto/wire/errc.hpp"
#include "tests/support/catch.hpp"

#include <string>

using namespace kernelproto;

namespace {

boost::system::error_code refused(std::string const& text) {
    auto const head = parse_header(frame{text});
    return head ? boost::system::error_code{} : head.error();
}

}  // namespace

TEST_CASE("a header of ipykernel is read", "[wire][header]") {
    auto const head = parse_header(frame{std::string(
        R"({"msg_id": "ab_12_3", "msg_type": "status", "username": "root", "session": "ab",)"
        R"( "date": "2026-01-02T03:04:05.678901Z", "version": "5.4", "subshell_id": null})")});
    REQUIRE(head.has_value());
    CHECK(*head == header{"ab_12_3", "ab", "root", "2026-01-02T03:04:05.678901Z", "status", "5.4"});
}

TEST_CASE("what is printed is read again, whatever is in it", "[wire][header]") {
    header const head{"i\"d", "s\\", "caf\u00e9\n", "", "t", std::string("\0", 1)};
    auto const again = parse_header(frame{print_header(head)});
    REQUIRE(again.has_value());
    CHECK(*again == head);
}

TEST_CASE("a printed header holds six strings and nothing else", "[wire][header]") {
    // A list or an object in a request's header breaks every print of the cell.
    CHECK(print_header({"1", "2", "3", "4", "5", "6"}) ==
          R"({"msg_id":"1","session":"2","username":"3","date":"4","msg_type":"5","version":"6"})");
}

TEST_CASE("id and type must be there, the rest may be missing", "[wire][header]") {
    CHECK(refused("{}") == wire_errc::bad_header);
    CHECK(refused(R"({"msg_id":"a"})") == wire_errc::bad_header);
    CHECK(refused(R"({"msg_type":"a"})") == wire_errc::bad_header);
    CHECK(refused(R"({"msg_id":"","msg_type":"a"})") == wire_errc::bad_header);
    CHECK(refused(R"({"msg_id":"a","msg_type":""})") == wire_errc::bad_header);
    CHECK_FALSE(refused(R"({"msg_id":"a","msg_type":"b"})"));
}

TEST_CASE("a field of another type is refused, an unknown one is skipped", "[wire][header]") {
    for (auto const* name : {"msg_id", "session", "username", "date", "msg_type", "version"}) {
        for (auto const* value : {"1", "null", "[]", "{}", "true"}) {
            CAPTURE(name, value);
            CHECK(refused(std::string(R"({"msg_id":"a","msg_type":"b",")") + name + "\":" + value +
                          "}") == wire_errc::bad_header);
        }
    }
    CHECK_FALSE(refused(R"({"msg_id":"a","msg_type":"b","subshell_id":[{}]})"));
}

TEST_CASE("a user name that is not UTF-8 does not lose the message", "[wire][header]") {
    auto const head = parse_header(
        frame{std::string("{\"msg_id\":\"a\",\"msg_type\":\"b\",\"username\":\"\xE9\"}")});
    REQUIRE(head.has_value());
    CHECK(head->username == "\uFFFD");
}

TEST_CASE("a parent may be nobody, and is matched by its id alone", "[wire][header]") {
    auto const nobody = parse_parent_header(frame{std::string("{}")});
    REQUIRE(nobody.has_value());
    CHECK(nobody->empty());
    auto const rewritten = parse_parent_header(frame{std::string(
        R"({"version":"5.3","extra":[1],"date":"2026-01-02T03:04:05Z","msg_id":"x"})")});
    REQUIRE(rewritten.has_value());
    CHECK(rewritten->msg_id == "x");
    CHECK_FALSE(parse_parent_header(frame{std::string(R"({"msg_id":1})")}).has_value());
    CHECK_FALSE(parse_parent_header(frame{std::string("null")}).has_value());
}

TEST_CASE("dates are read to the microsecond", "[wire][header]") {
    CHECK(date_microseconds("1970-01-01T00:00:00Z") == 0);
    CHECK(date_microseconds("1970-01-01T00:00:00.000001Z") == 1);
    CHECK(date_microseconds("1970-01-01T00:00:01.5Z") == 1'500'000);
    CHECK(date_microseconds("1970-01-01T00:00:00.1234567899Z") == 123'456);
    CHECK(date_microseconds("1970-01-01T01:00:00+01:00") == 0);
    CHECK(date_microseconds("1970-01-01T00:00:00-0130") == 5'400'000'000);
    CHECK(date_microseconds("1970-01-01 00:00:00") == 0);
    CHECK(date_microseconds("2026-01-02T03:04:05.678901Z") == 1'767'323'045'678'901);
}

TEST_CASE("text that is no date is none", "[wire][header]") {
    for (auto const* text :
         {"", "now", "2026-01-02", "2026-01-02T03:04", "2026-13-02T03:04:05Z",
          "2026-02-30T03:04:05Z", "2026-01-02T24:04:05Z", "2026-01-02T03:60:05Z",
          "2026-01-02T03:04:61Z", "2026-01-02T03:04:05X", "2026-01-02T03:04:05+1",
          "2026-01-02T03:04:05Zx", "-026-01-02T03:04:05Z", "2026-01-02T03:04:05+24:00"}) {
        CAPTURE(text);
        CHECK_FALSE(date_microseconds(text));
    }
}

TEST_CASE("dates are written in the form that kernels write", "[wire][header]") {
    CHECK(print_date(0) == "1970-01-01T00:00:00.000000Z");
    CHECK(print_date(1'767'323'045'678'901) == "2026-01-02T03:04:05.678901Z");
    CHECK(date_microseconds(print_date(1'767'323'045'000'042)) == 1'767'323'045'000'042);
}
