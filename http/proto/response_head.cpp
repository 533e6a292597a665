// SPDX-License-Identifier: Apache-2.0
// Writing of response heads. Never trusts a header value: control characters become spaces.
// Pure; any thread.
#include "http/proto/response_head.hpp"

#include "http/proto/ascii.hpp"

namespace http {
namespace {

void append_field(std::string& out, std::string_view name, std::string_view value) {
    out += name;
    out += ": ";
    for (char const c : value) {
        out += ascii::is_control(c) && c != '\t' ? ' ' : c;
    }
    out += "\r\n";
}

}  // namespace

std::string_view reason_phrase(int status) noexcept {
    switch (status) {
        case 200:
            return "OK";
        case 201:
            return "Created";
        case 202:
            return "Accepted";
        case 204:
            return "No Content";
        case 206:
            return "Partial Content";
        case 301:
            return "Moved Permanently";
        case 302:
            return "Found";
        case 304:
            return "Not Modified";
        case 307:
            return "Temporary Redirect";
        case 400:
            return "Bad Request";
        case 401:
            return "Unauthorized";
        case 403:
            return "Forbidden";
        case 404:
            return "Not Found";
        case 405:
            return "Method Not Allowed";
        case 406:
            return "Not Acceptable";
        case 408:
            return "Request Timeout";
        case 409:
            return "Conflict";
        case 410:
            return "Gone";
        case 412:
            return "Precondition Failed";
        case 413:
            return "Content Too Large";
        case 414:
            return "URI Too Long";
        case 415:
            return "Unsupported Media Type";
        case 416:
            return "Range Not Satisfiable";
        case 417:
            return "Expectation Failed";
        case 421:
            return "Misdirected Request";
        case 422:
            return "Unprocessable Content";
        case 429:
            return "Too Many Requests";
        case 431:
            return "Request Header Fields Too Large";
        case 500:
            return "Internal Server Error";
        case 501:
            return "Not Implemented";
        case 503:
            return "Service Unavailable";
        case 505:
            return "HTTP Version Not Supported";
        case 507:
            return "Insufficient Storage";
        default:
            return "";
    }
}

void append_head(std::string& out, response const& answer, response_facts const& facts) {
    out += "HTTP/1.1 ";
    out += std::to_string(answer.status);
    out += ' ';
    out += reason_phrase(answer.status);
    out += "\r\nDate: ";
    out += facts.date;
    out += "\r\n";
    for (auto const& [name, value] : answer.headers.entries()) {
        append_field(out, name, value);
    }
    if (!is_bodiless(answer.status) && facts.length) {
        out += "Content-Length: ";
        out += std::to_string(*facts.length);
        out += "\r\n";
    } else if (!is_bodiless(answer.status) && !facts.http_1_0) {
        out += "Transfer-Encoding: chunked\r\n";
    }
    append_field(out, "X-Request-Id", facts.request_id);
    if (answer.headers.find("X-Content-Type-Options") == nullptr) {
        out += "X-Content-Type-Options: nosniff\r\n";
    }
    if (!facts.keep_alive) {
        out += "Connection: close\r\n";
    } else if (facts.http_1_0) {
        out += "Connection: keep-alive\r\n";
    }
    out += "\r\n";
}

}  // namespace http
