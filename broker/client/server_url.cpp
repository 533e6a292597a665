// SPDX-License-Identifier: Apache-2.0
// Splitting by hand: there is no query, no user and no escape to understand.
// Never lets a byte through that would break the line of a request. Any thread.
#include "broker/client/server_url.hpp"

#include <fmt/format.h>
#include <sys/un.h>

#include <algorithm>
#include <charconv>
#include <cstdint>

namespace broker::client {
namespace {

failure wrong(std::string_view text, std::string_view why) {
    return fail(errc::invalid_field,
                fmt::format("\"{}\" is no address of a broker: {}; write http://127.0.0.1:8000 or "
                            "unix:/path/of/socket",
                            text, why));
}

bool is_port(std::string_view text) {
    std::uint16_t value{};
    auto const [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    return error == std::errc{} && end == text.data() + text.size() && value != 0;
}

bool is_host(std::string_view text) {
    return !text.empty() && std::ranges::all_of(text, [](char c) {
        return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
               c == '.' || c == '-' || c == '_';
    });
}

bool is_address_6(std::string_view text) {
    return text.find(':') != std::string_view::npos && std::ranges::all_of(text, [](char c) {
               return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F') ||
                      c == ':' || c == '.';
           });
}

bool is_prefix(std::string_view text) {
    return std::ranges::all_of(
        text, [](char c) { return c > ' ' && c < '\x7f' && c != '?' && c != '#'; });
}

result<server_url> parse_unix(std::string_view text, std::string_view path) {
    if (path.empty() || path.front() != '/' || path.find('\0') != std::string_view::npos) {
        return wrong(text, "a socket has an absolute path");
    }
    if (path.size() >= sizeof(sockaddr_un::sun_path)) {
        return wrong(text, "the path is too long for a socket");
    }
    server_url out;
    out.unix_path = path;
    out.authority = "localhost";
    return out;
}

}  // namespace

result<server_url> parse_server_url(std::string_view text) {
    constexpr std::string_view http = "http://";
    if (text.starts_with("unix:")) {
        return parse_unix(text, text.substr(5));
    }
    if (text.starts_with("https:")) {
        return wrong(text, "TLS is not spoken here, a proxy or a tunnel can do it");
    }
    if (!text.starts_with(http)) {
        return wrong(text, "it does not begin with http:// or unix:");
    }
    auto rest = text.substr(http.size());
    server_url out;
    auto const slash = std::min(rest.find('/'), rest.size());
    auto prefix = rest.substr(slash);
    auto authority = rest.substr(0, slash);
    while (prefix.ends_with('/')) {
        prefix.remove_suffix(1);
    }
    out.authority = authority;
    out.prefix = prefix;
    auto const colon = authority.rfind(':');
    bool const has_port =
        colon != std::string_view::npos && authority.find(']', colon) == std::string_view::npos;
    auto host = has_port ? authority.substr(0, colon) : authority;
    out.port = has_port ? authority.substr(colon + 1) : "80";
    bool const bracketed = host.size() > 2 && host.front() == '[' && host.back() == ']';
    if (bracketed) {
        host = host.substr(1, host.size() - 2);
    }
    out.host = host;
    if (!is_port(out.port)) {
        return wrong(text, "the port is not a number from 1 to 65535");
    }
    if (bracketed ? !is_address_6(host) : !is_host(host)) {
        return wrong(text, "there is no host in it");
    }
    if (!is_prefix(prefix)) {
        return wrong(text, "the path has bytes that a request line cannot hold");
    }
    return out;
}

}  // namespace broker::client
