// SPDX-License-Identifier: Apache-2.0
// The connection file read. Never mends it. Pure; any thread.
#include "images/language-kernel/connection_file.hpp"

#include "kernelproto/wire/errc.hpp"
#include "kernelproto/wire/json_text.hpp"

#include <array>
#include <cstddef>
#include <utility>

namespace language_kernel {
namespace {

constexpr std::size_t max_file_bytes = std::size_t{64} * 1024;
constexpr int max_port = 65535;

constexpr std::array<std::pair<std::string_view, std::string connection_file::*>, 5> places{{
    {"shell_port", &connection_file::shell},
    {"iopub_port", &connection_file::iopub},
    {"stdin_port", &connection_file::stdin_channel},
    {"control_port", &connection_file::control},
    {"hb_port", &connection_file::heartbeat},
}};

}  // namespace

kernelproto::result<connection_file> parse_connection_file(std::string_view text) {
    using kernelproto::wire_errc;
    if (text.size() > max_file_bytes) {
        return wire_errc::bad_connection_info;
    }
    auto const object = kernelproto::json_object::parse(kernelproto::frame{std::string{text}});
    if (!object) {
        return wire_errc::bad_connection_info;
    }
    auto const file = object->value();
    if (file.member("signature_scheme").string() != "hmac-sha256") {
        return wire_errc::unsupported_scheme;
    }
    auto const transport = file.member("transport").string();
    auto const ip = file.member("ip").string();
    auto const key = file.member("key").string();
    if (!ip || ip->empty() || !key || key->empty() || (transport != "ipc" && transport != "tcp")) {
        return wire_errc::bad_connection_info;
    }
    connection_file out;
    out.key = *key;
    for (auto const& [name, place] : places) {
        auto const port = file.member(name).integer();
        if (!port || *port < 1 || *port > max_port) {
            return wire_errc::bad_connection_info;
        }
        out.*place =
            *transport + "://" + *ip + (transport == "ipc" ? "-" : ":") + std::to_string(*port);
    }
    return out;
}

}  // namespace language_kernel
