// SPDX-License-Identifier: Apache-2.0
#include "http/proto/multipart.hpp"

#include "tests/support/catch.hpp"

#include <algorithm>
#include <vector>

namespace {

using http::multipart_error;
using http::multipart_parser;

/// The events as text: "[name|file|type]data;" for each part, then "end" or the error.
std::string parse(std::string_view body, std::size_t piece, http::multipart_limits limits = {}) {
    multipart_parser parser("XX", limits);
    std::string log;
    for (bool finished = false;;) {
        switch (parser.next()) {
            case multipart_parser::event::need_more:
                if (body.empty()) {
                    finished = parser.finish() != multipart_parser::event::need_more;
                    log += finished ? "!" + std::to_string(static_cast<int>(parser.error())) : "?";
                    return log;
                }
                parser.feed(body.substr(0, piece));
                body.remove_prefix(std::min(piece, body.size()));
                break;
            case multipart_parser::event::part:
                log += "[" + parser.part().disposition.name + "|" +
                       parser.part().disposition.file_name.value_or("-") + "|" +
                       parser.part().content_type + "]";
                break;
            case multipart_parser::event::data:
                log += parser.data();
                break;
            case multipart_parser::event::part_end:
                log += ";";
                break;
            case multipart_parser::event::end:
                return log + "end";
            case multipart_parser::event::failed:
                return log + "!" + std::to_string(static_cast<int>(parser.error()));
        }
    }
}

std::string failed(multipart_error why) { return "!" + std::to_string(static_cast<int>(why)); }

std::string part(std::string const& header, std::string const& data) {
    return "--XX\r\n" + header + "\r\n\r\n" + data + "\r\n";
}

std::string const file_header =
    "Content-Disposition: form-data; name=\"file\"; filename=\"a b.csv\"\r\nContent-Type: text/csv";

}  // namespace

TEST_CASE("any cutting of a form gives the same parts and bytes", "[http][multipart]") {
    std::string const body =
        "preamble\r\n" + part(file_header, "1,2\r\n--X\r\n--XY is data\r\n\r") +
        part("content-disposition: form-data; name=session_id", "alice") +
        part("Content-Disposition: form-data; name=\"empty\"", "") + "--XX--\r\nepilogue --XX\r\n";
    auto const whole = parse(body, body.size());
    CHECK(whole ==
          "[file|a b.csv|text/csv]1,2\r\n--X\r\n--XY is data\r\n\r;[session_id|-|]alice;"
          "[empty|-|];end");
    for (std::size_t piece = 1; piece < body.size(); ++piece) {
        REQUIRE(parse(body, piece) == whole);
    }
}

TEST_CASE("a form may start at once, and padding may follow a boundary", "[http][multipart]") {
    CHECK(parse("--XX \t\r\nContent-Disposition: form-data; name=a\r\n\r\nv\r\n--XX--", 3) ==
          "[a|-|]v;end");
    CHECK(parse("--XX--", 1) == "end");
}

TEST_CASE("every way a form can be wrong has its name", "[http][multipart]") {
    auto const piece = GENERATE(std::size_t{1}, std::size_t{7}, std::size_t{100000});
    http::multipart_limits limits;
    limits.parts = 2;
    limits.header_bytes = 200;
    limits.name_bytes = 8;
    limits.file_name_bytes = 16;
    auto const result = [&](std::string const& body) {
        auto const log = parse(body, piece, limits);
        return log.substr(log.rfind('!') == std::string::npos ? 0 : log.rfind('!'));
    };
    std::string const ok = "Content-Disposition: form-data; name=a";
    CHECK(result("") == failed(multipart_error::truncated));
    CHECK(result(part(ok, "v")) == failed(multipart_error::truncated));
    CHECK(result(part(ok, "v") + "--XX-") == failed(multipart_error::truncated));
    CHECK(result(std::string(500, 'p')) == failed(multipart_error::preamble_too_long));
    CHECK(result("--XXY\r\n" + ok + "\r\n\r\n") == failed(multipart_error::bad_delimiter));
    CHECK(result("--XX" + std::string(300, ' ') + "\r\n") ==
          failed(multipart_error::bad_delimiter));
    CHECK(result(part(ok, "1") + part(ok, "2") + part(ok, "3") + "--XX--") ==
          failed(multipart_error::too_many_parts));
    CHECK(result(part(ok + "\r\nX: " + std::string(300, 'x'), "")) ==
          failed(multipart_error::header_too_long));
    CHECK(result(part("no field", "")) == failed(multipart_error::bad_header));
    CHECK(result(part(ok + "\r\n folded", "")) == failed(multipart_error::bad_header));
    CHECK(result(part(ok + "\r\n" + ok, "")) == failed(multipart_error::bad_header));
    CHECK(result(part(ok + "\r\nX: \x01", "")) == failed(multipart_error::bad_header));
    CHECK(result(part("X: y", "")) == failed(multipart_error::no_disposition));
    CHECK(result("--XX\r\n\r\nno header\r\n--XX--") == failed(multipart_error::no_disposition));
    CHECK(result(part("Content-Disposition: attachment; name=a", "")) ==
          failed(multipart_error::no_disposition));
    CHECK(result(part("Content-Disposition: form-data; name=a; name=b", "")) ==
          failed(multipart_error::no_disposition));
    CHECK(result(part("Content-Disposition: form-data; name=\"a", "")) ==
          failed(multipart_error::no_disposition));
    CHECK(result(part("Content-Disposition: form-data; name=ninechars", "")) ==
          failed(multipart_error::name_too_long));
    CHECK(result(part(ok + "; filename=" + std::string(17, 'f'), "")) ==
          failed(multipart_error::name_too_long));
    CHECK(result(part(ok + "\r\nContent-Type: multipart/mixed; boundary=b", "")) ==
          failed(multipart_error::nested));
    CHECK(result(part(ok + "\r\nContent-Transfer-Encoding: base64", "")) ==
          failed(multipart_error::transfer_encoding));
}

TEST_CASE("a header of exactly the limit passes however it is cut", "[http][multipart]") {
    std::string const header = "Content-Disposition: form-data; name=a";
    http::multipart_limits limits;
    limits.header_bytes = header.size() + 2;
    std::string const body = part(header, "v") + "--XX--";
    for (std::size_t piece = 1; piece < body.size(); ++piece) {
        REQUIRE(parse(body, piece, limits) == "[a|-|]v;end");
    }
    limits.header_bytes -= 1;
    for (std::size_t piece = 1; piece < body.size(); ++piece) {
        REQUIRE(parse(body, piece, limits) == failed(multipart_error::header_too_long));
    }
}

TEST_CASE("file names are read as browsers and RFC 8187 write them", "[http][multipart]") {
    auto const name_in = [](std::string const& rest) {
        auto const found = http::parse_form_disposition("form-data; name=f; " + rest);
        return found ? found->file_name.value_or("-") : "malformed";
    };
    CHECK(name_in("filename=\"a%22b.csv\"") == "a\"b.csv");
    CHECK(name_in("filename=\"a\\\"b.csv\"") == "a\"b.csv");
    CHECK(name_in("filename=\"C:\\dir\\a.csv\"") == "C:\\dir\\a.csv");
    CHECK(name_in("filename=\"x\"; filename*=UTF-8''%E2%82%AC%20a.csv") == "\xe2\x82\xac a.csv");
    CHECK(name_in("filename*=utf-8'en'b.csv; filename=\"x\"") == "b.csv");
    CHECK(name_in("filename*=UTF-8''..%2Fa") == "../a");  // told as it is; paths are judged later
    CHECK(name_in("filename*=UTF-8''a%00b") == "malformed");
    CHECK(name_in("filename*=UTF-8''%ff") == "malformed");
    CHECK(name_in("filename*=ISO-8859-1''a") == "malformed");
    CHECK(name_in("filename=") == "malformed");
    CHECK(name_in("filename=\"\"").empty());
}

TEST_CASE("only a boundary that RFC 2046 allows is taken", "[http][multipart]") {
    auto const boundary = [](std::string const& type) {
        auto const parsed = http::parse_media_type(type);
        return parsed ? http::boundary_of(*parsed).value_or("none") : "malformed";
    };
    CHECK(boundary("multipart/form-data; boundary=abc") == "abc");
    CHECK(boundary("Multipart/Form-Data; charset=utf-8; Boundary=\"a b:c\"") == "a b:c");
    CHECK(boundary("multipart/form-data") == "none");
    CHECK(boundary("multipart/form-data; boundary=\"\"") == "none");
    CHECK(boundary("multipart/form-data; boundary=\"a \"") == "none");
    CHECK(boundary("multipart/form-data; boundary=\"a\\\"b\"") == "none");
    CHECK(boundary("multipart/mixed; boundary=a") == "none");
    CHECK(boundary("multipart/form-data; boundary=" + std::string(71, 'b')) == "none");
    CHECK(boundary("multipart/form-data; boundary=a; boundary=b") == "malformed");
}
