// SPDX-License-Identifier: Apache-2.0
// Addresses by inet_pton and from_chars. Never a resolver. Any thread.
#include "broker/daemon/listen_address.hpp"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/un.h>

#include <array>
#include <charconv>

namespace broker {
namespace {

std::optional<std::uint16_t> port_of(std::string_view text) {
    std::uint16_t value{};
    auto const [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (text.empty() || error != std::errc{} || end != text.data() + text.size()) {
        return std::nullopt;
    }
    return value;
}

/// The address in network order, 4 or 16 bytes; none: not an address.
struct address_bytes {
    std::array<unsigned char, 16> bytes{};
    unsigned size = 0;
};

address_bytes parse_address(std::string_view text) {
    address_bytes out;
    std::string const copy{text};
    if (copy.find('\0') != std::string::npos) {
        return out;
    }
    if (inet_pton(AF_INET, copy.c_str(), out.bytes.data()) == 1) {
        out.size = 4;
    } else if (inet_pton(AF_INET6, copy.c_str(), out.bytes.data()) == 1) {
        out.size = 16;
    }
    return out;
}

std::optional<listen_address> parse_unix(std::string_view path) {
    if (path.empty() || path.front() != '/' || path.size() >= sizeof(sockaddr_un::sun_path) ||
        path.find('\0') != std::string_view::npos) {
        return std::nullopt;
    }
    listen_address out;
    out.unix_path = path;
    return out;
}

}  // namespace

bool listen_address::local_only() const noexcept {
    if (!unix_path.empty()) {
        return true;
    }
    auto const address = parse_address(host);
    return address.size == 4 ? address.bytes[0] == 127
                             : address.bytes == parse_address("::1").bytes;
}

std::optional<listen_address> parse_listen_address(std::string_view text) {
    if (text.starts_with("unix:")) {
        return parse_unix(text.substr(5));
    }
    auto const colon = text.rfind(':');
    if (colon == std::string_view::npos) {
        return std::nullopt;
    }
    auto host = text.substr(0, colon);
    auto const port = port_of(text.substr(colon + 1));
    bool const bracketed = host.size() > 2 && host.front() == '[' && host.back() == ']';
    if (bracketed) {
        host = host.substr(1, host.size() - 2);
    }
    if (host == "localhost") {
        host = "127.0.0.1";
    }
    auto const address = parse_address(host);
    if (!port || address.size != (bracketed ? 16U : 4U)) {
        return std::nullopt;
    }
    listen_address out;
    out.host = host;
    out.port = *port;
    return out;
}

}  // namespace broker
