// SPDX-License-Identifier: Apache-2.0
// The connection file read and written. Never mends what it reads: the file is ours.
// Pure; any thread.
#include "kernelproto/wire/connection_info.hpp"

#include "kernelproto/wire/errc.hpp"
#include "kernelproto/wire/json_check.hpp"
#include "kernelproto/wire/json_text.hpp"
#include "kernelproto/wire/utf8.hpp"

#include <array>
#include <set>

namespace kernelproto {
namespace {

constexpr std::size_t max_file_bytes = std::size_t{64} * 1024;
constexpr int max_port = 65535;

struct port_field {
    std::string_view name;
    int connection_info::*place;
};

constexpr std::array<port_field, 5> ports{{
    {"shell_port", &connection_info::shell_port},
    {"iopub_port", &connection_info::iopub_port},
    {"stdin_port", &connection_info::stdin_port},
    {"control_port", &connection_info::control_port},
    {"hb_port", &connection_info::hb_port},
}};

bool read_ports(json_value file, connection_info& info) {
    std::set<int> seen;
    for (auto const& each : ports) {
        auto const number = file.member(each.name).integer();
        if (!number || *number < 1 || *number > max_port ||
            !seen.insert(static_cast<int>(*number)).second) {
            return false;
        }
        info.*each.place = static_cast<int>(*number);
        if (socket_path(info, info.*each.place).size() > max_socket_path) {
            return false;
        }
    }
    return true;
}

}  // namespace

std::string socket_path(connection_info const& info, int port) {
    return info.ip + "-" + std::to_string(port);
}

result<connection_info> parse_connection_info(std::string_view file) {
    if (file.size() > max_file_bytes || !is_utf8(file) ||
        check_json_object(file) != json_verdict::good) {
        return wire_errc::bad_connection_info;
    }
    auto const object = json_object::parse(frame{std::string(file)});
    if (!object) {
        return wire_errc::bad_connection_info;
    }
    auto const value = object->value();
    auto const scheme = value.member("signature_scheme").string();
    if (scheme && *scheme != "hmac-sha256") {
        return wire_errc::unsupported_scheme;
    }
    auto const ip = value.member("ip").string();
    auto const key = value.member("key").string();
    if (!scheme || !ip || ip->empty() || ip->find('\0') != std::string::npos || !key ||
        key->empty() || value.member("transport").string() != "ipc" ||
        value.member("curve_publickey").present() || value.member("curve_secretkey").present()) {
        return wire_errc::bad_connection_info;
    }
    connection_info info;
    info.ip = *ip;
    info.key = *key;
    info.kernel_name = value.member("kernel_name").string().value_or(std::string{});
    if (!read_ports(value, info)) {
        return wire_errc::bad_connection_info;
    }
    return info;
}

std::string print_connection_info(connection_info const& info) {
    std::string out = R"({"transport":"ipc","signature_scheme":"hmac-sha256")";
    auto const add_text = [&](std::string_view name, std::string_view text) {
        out += ',';
        append_json_string(out, name);
        out += ':';
        append_json_string(out, text);
    };
    add_text("ip", info.ip);
    add_text("key", info.key);
    add_text("kernel_name", info.kernel_name);
    for (auto const& each : ports) {
        out += ',';
        append_json_string(out, each.name);
        out += ':' + std::to_string(info.*each.place);
    }
    out += "}\n";
    return out;
}

}  // namespace kernelproto
